#!/bin/sh
# test_avx512.sh BUILD SCRATCH - the AVX-512 loops, on a system emulated by Bochs,
# give the bits of the portable ones.  Needs bochs, bochs-term, grub-pc-bin,
# grub-common, xorriso, mtools and cpio, and a kernel to boot: $DESCENT_TEST_LINUX
# or /boot/vmlinuz-*.
set -u
build=$1
scratch=$2/avx512

if [ "$(uname -m)" != x86_64 ] || grep -qw avx512bw /proc/cpuinfo; then
    echo "# not run: AVX-512, emulated on a processor that does not need it"
    exit 0
fi
linux=${DESCENT_TEST_LINUX:-$(ls /boot/vmlinuz-* 2>/dev/null | tail -n 1)}
for tool in bochs-bin grub-mkrescue xorriso mformat cpio; do
    command -v $tool >/dev/null || linux=
done
if [ ! -r "$linux" ]; then
    echo "# not run: AVX-512, without Bochs or a kernel to boot in it"
    exit 0
fi
mkdir -p "$scratch/root" "$scratch/iso/boot/grub"

links() {
    flags="-std=c11 -O3 -D_GNU_SOURCE -Icore/include -Icore -Itests
-fno-math-errno -fno-trapping-math -ffp-contract=off"
    for plugin in plugins/*/*.c; do
        name=$(basename "$plugin" .c)
        gcc $flags "-DDESCENT_ENTRY_NAME=${name}_plugin_v1" -c "$plugin" \
            -o "$scratch/$name.o" || return 1
    done
    gcc $flags -DLINKED -static $(cat "$build/tests/hashes.sources") \
        "$scratch"/*.o -lm -o "$scratch/root/init"
}

# Of the processor's features this Bochs and Linux do not agree about XSAVEC and
# XSAVES (321, 323).
boots() {
    (cd "$scratch/root" && echo init | cpio -o -H newc 2>/dev/null) |
        gzip -1 >"$scratch/iso/boot/initrd"
    cp "$linux" "$scratch/iso/boot/linux"
    cat >"$scratch/iso/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
menuentry hashes {
    linux /boot/linux console=ttyS0 quiet nosmp noapic acpi=off lpj=1000000 clearcpuid=321,323 -- linked avx512
    initrd /boot/initrd
}
GRUB
    cat >"$scratch/bochsrc" <<BOCHS
config_interface: textconfig
display_library: rfb, options="timeout=0"
memory: host=512, guest=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=corei7_skylake_x, ips=200000000
ata0-master: type=cdrom, path=$scratch/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$scratch/serial
clock: sync=none
log: $scratch/log
BOCHS
    echo c >"$scratch/commands"
    grub-mkrescue -o "$scratch/boot.iso" "$scratch/iso" >"$scratch/log" 2>&1
}

# 0 when the emulated system has printed what the portable loops print here.
agrees() {
    timeout 500 bochs-bin -q -f "$scratch/bochsrc" -rc "$scratch/commands" \
        >"$scratch/said" 2>&1 </dev/null &
    bochs=$!
    while kill -0 $bochs 2>/dev/null && ! grep -q '^end' "$scratch/serial"; do
        sleep 1
    done 2>/dev/null
    kill $bochs 2>/dev/null
    "$build/tests/hashes" "$build/tests/kernels/gcc" | sed 1d >"$scratch/here"
    tr -d '\r' <"$scratch/serial" | sed '1,/^level avx512$/d' |
        diff "$scratch/here" -
}

if links && boots && agrees >"$scratch/difference"; then
    echo "ok 1 - AVX-512, emulated, gives the bits of the portable loops"
else
    echo "not ok 1 - AVX-512, emulated, gives the bits of the portable loops"
    head -n 20 "$scratch/difference" | sed 's/^/# /'
fi
