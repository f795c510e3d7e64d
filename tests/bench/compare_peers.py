#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Set Descent's steps beside PyTorch's fused, foreach and plain loops.

All of them step the same tensors in one process, in turn, round by round; a
figure is the median over the rounds of (their time / Descent's), so 2 means that
Descent is twice as fast.  Before that, both take steps from the same weights,
and their results are compared.
"""
import argparse
import ctypes
import json
import math
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
F32 = 1
ROUNDS, PART = 7, 0.02  # at least so many, of so many seconds each

# name: (list of tensors, Descent's optimizer and options, PyTorch's class and
# options, whether it has a fused kernel).
CASES = {
    "adam_gpt2": ("gpt2", "adam", {}, "Adam", {}, True),
    "adam_resnet50": ("resnet50", "adam", {}, "Adam", {}, True),
    "adam_efficientnet_b0": ("efficientnet_b0", "adam", {}, "Adam", {}, True),
    "adam_1e6": ("1e6", "adam", {}, "Adam", {}, True),
    "adam_1e5": ("1e5", "adam", {}, "Adam", {}, True),
    "adam_10000x100": ("10000x100", "adam", {}, "Adam", {}, True),
    "momentum_gpt2": ("gpt2", "sgd", {"momentum": 0.9}, "SGD",
                      {"lr": 1e-3, "momentum": 0.9}, True),
    "rmsprop_resnet50": ("resnet50", "rmsprop", {}, "RMSprop", {}, False),
    "adadelta_resnet50": ("resnet50", "adadelta", {}, "Adadelta", {}, False),
    "adamax_resnet50": ("resnet50", "adamax", {}, "Adamax", {}, False),
    "nadam_resnet50": ("resnet50", "nadam", {}, "NAdam", {}, False),
    "clip_adamw_average_gpt2": (
        "gpt2", "adamw", {"global_clipnorm": 0.01, "weight_decay": 0.01,
                          "use_ema": True, "ema_momentum": 0.99},
        "AdamW", {"weight_decay": 0.01}, True),
}


class Tensor(ctypes.Structure):
    """descent_tensor of descent.h."""
    _fields_ = [("struct_size", ctypes.c_uint32), ("dtype", ctypes.c_uint32),
                ("name", ctypes.c_char_p), ("ndim", ctypes.c_uint32),
                ("flags", ctypes.c_uint32), ("shape", ctypes.c_void_p),
                ("strides", ctypes.c_void_p), ("data", ctypes.c_void_p),
                ("gradient", ctypes.c_void_p)]


class Descent:
    """An optimizer of libdescent that steps tensors of PyTorch's."""

    def __init__(self, build, kind, options, parameters):
        self.library = ctypes.CDLL(os.path.join(build, "libdescent.so"))
        self.library.descent_error_message.restype = ctypes.c_char_p
        self.runtime, self.optimizer = ctypes.c_void_p(), ctypes.c_void_p()
        text = json.dumps({"flavour": "torch", **options}).encode()
        made = ctypes.c_void_p()
        self.call("runtime_create", None, ctypes.byref(self.runtime))
        self.call("options_from_json", self.runtime, text,
                  ctypes.c_size_t(len(text)), ctypes.byref(made))
        self.call("optimizer_create", self.runtime, kind.encode(), made,
                  ctypes.byref(self.optimizer))
        self.library.descent_options_free(made)
        self.add(parameters)

    def call(self, name, *arguments):
        if getattr(self.library, "descent_" + name)(*arguments) != 0:
            sys.exit(self.library.descent_error_message().decode())

    def add(self, parameters):
        tensors = (Tensor * len(parameters))()
        keep = []  # shapes, while they are copied
        for i, p in enumerate(parameters):
            shape = (ctypes.c_int64 * p.dim())(*p.shape)
            keep.append(shape)
            tensors[i] = Tensor(ctypes.sizeof(Tensor), F32, b"t%d" % i,
                                p.dim(), 0, ctypes.addressof(shape), None,
                                p.data_ptr(), p.grad.data_ptr())
        self.call("optimizer_add", self.optimizer, tensors,
                  ctypes.c_size_t(len(parameters)))

    def threads(self, n):
        self.call("runtime_set_threads", self.runtime, ctypes.c_uint32(n))

    def step(self):
        self.call("optimizer_step", self.optimizer, None, ctypes.c_size_t(0),
                  None, None)

    def free(self):
        self.library.descent_optimizer_free(self.optimizer)
        self.library.descent_runtime_free(self.runtime)


def peer_step(torch, optimizer, parameters, options):
    """What a user of PyTorch writes for the same update."""
    if "use_ema" not in options:
        return optimizer.step
    keep = options["ema_momentum"]
    averages = [p.detach().clone() for p in parameters]
    weights = [p.detach() for p in parameters]

    def step():
        torch.nn.utils.clip_grad_norm_(parameters, options["global_clipnorm"])
        optimizer.step()
        torch._foreach_lerp_(averages, weights, 1 - keep)
    return step


def make_peers(torch, case, parameters):
    _, _, options, name, arguments, fused = CASES[case]
    ways = {"fused": {"fused": True}} if fused else {}
    ways["foreach"] = {"foreach": True}
    ways["plain"] = {"foreach": False}
    return {way: peer_step(torch, getattr(torch.optim, name)(
        parameters, **arguments, **how), parameters, options)
        for way, how in ways.items()}


def make_parameters(torch, shapes):
    torch.manual_seed(1)
    parameters = []
    for shape in shapes:
        p = torch.nn.Parameter(torch.randn(shape) * 0.02)
        p.grad = torch.randn(shape) * 1e-3
        parameters.append(p)
    return parameters


def same_result(torch, build, case):
    """The largest difference after three steps from the same weights."""
    shapes = [(30, 7), (11,), (3, 5, 2)]
    _, kind, options = CASES[case][:3]
    ours, theirs = (make_parameters(torch, shapes) for _ in range(2))
    descent = Descent(build, kind, options, ours)
    step = make_peers(torch, case, theirs)["foreach"]
    for _ in range(3):
        descent.step()
        step()
    descent.free()
    return max(float((a - b).detach().abs().max())
               for a, b in zip(ours, theirs))


def time_once(step, times):
    time.sleep(0.005)  # until what came before spins no more
    if times > 1:
        step()  # wakes threads, fills caches
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times


def measure(steps, seconds):
    """The seconds of each step, round by round."""
    part = min(PART, seconds / (ROUNDS * len(steps)))
    times = {}
    for name, step in steps.items():
        time_once(step, 1)  # makes state
        times[name] = max(1, math.ceil(part / time_once(step, 1)))
    found = {name: [] for name in steps}
    start = time.perf_counter()
    rounds = 0
    while rounds < ROUNDS or time.perf_counter() - start < seconds:
        names = list(steps) if rounds % 2 == 0 else reversed(list(steps))
        for name in names:
            found[name].append(time_once(steps[name], times[name]))
        rounds += 1
    return found


def compare(torch, build, case, shapes, threads, seconds):
    """Rows: case, threads, milliseconds of Descent, then of each peer the median
    ratio and the distance of the quartiles."""
    parameters = make_parameters(torch, shapes)
    _, kind, options = CASES[case][:3]
    descent = Descent(build, kind, options, parameters)
    steps = {"descent": descent.step, **make_peers(torch, case, parameters)}
    for n in threads:
        descent.threads(n)
        torch.set_num_threads(n)
        found = measure(steps, seconds)
        ours = found.pop("descent")
        row = {"case": case, "threads": n,
               "descent_ms": 1e3 * statistics.median(ours)}
        for name, theirs in found.items():
            each = [a / b for a, b in zip(theirs, ours)]
            low, middle, high = statistics.quantiles(each, n=4)
            row[name], row[name + "_spread"] = middle, high - low
        yield row
    descent.free()


def print_row(row):
    cells = [f"{row['case']:24}", f"{row['threads']:7}",
             f"{row['descent_ms']:12.3f}"]
    for name in ("fused", "foreach", "plain"):
        cells.append(f"{row[name]:6.2f} +-{row[name + '_spread'] / 2:5.2f}"
                     if name in row else f"{'-':>14}")
    print("  ".join(cells), flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build"),
                        help="the build folder (build)")
    parser.add_argument("--case", default=",".join(CASES),
                        help="only these, between commas: " + ", ".join(CASES))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=2,
                        help="at least so long a line (2)")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    a.case = a.case.split(",")
    for case in a.case:
        if case not in CASES:
            parser.error(f"unknown case '{case}': expected {', '.join(CASES)}")
    a.threads = [int(n) for n in a.threads.split(",")]
    return a


def main():
    a = arguments()
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: there is nothing to compare with")
        return
    shapes = json.loads(subprocess.run(
        [os.path.join(a.build, "descent"), "bench", "--shapes"], check=True,
        stdout=subprocess.PIPE).stdout)
    if not a.json:
        print(f"PyTorch {torch.__version__}; their time / Descent's")
        print(f"{'CASE':24}  THREADS  DESCENT (MS)"
              f"{'FUSED':>16}{'FOREACH':>16}{'PLAIN':>16}")
    rows = []
    for case in a.case:
        difference = same_result(torch, a.build, case)
        if not difference < 1e-6:
            sys.exit(f"{case}: the results differ by {difference:g}")
        for row in compare(torch, a.build, case, shapes[CASES[case][0]],
                           a.threads, a.seconds):
            rows.append(row)
            if not a.json:
                print_row(row)
    if a.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
