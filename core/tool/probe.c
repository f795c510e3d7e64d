/* SPDX-License-Identifier: MIT */
/* Loading a plugin runs its constructors, so it happens in a child process; the
 * description comes back as JSON through a pipe.  Only a complete answer
 * counts, whatever the child's exit status. */
#include "tool/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/describe.h"
#include "tool/json.h"

enum {
    SECONDS = 5,           /* that loading may take */
    MOST_ANSWER = 1 << 22, /* bytes */
    MORE_MEMORY = 1 << 29, /* bytes that loading may take */
    PAUSE = 10             /* milliseconds between looks at a silent child */
};

/* ---- In the child ---- */

/* The limit counts addresses, of which the command itself may have many: each
 * thread of a library that it is linked to takes its share. */
static void limit_memory(void)
{
/* Sanitizers reserve terabytes of addresses. */
#if !defined DESCENT_SANITIZED && !defined __SANITIZE_THREAD__
    FILE *usage = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;
    struct rlimit most;

    if (usage == NULL)
        return;
    if (fscanf(usage, "%lu", &pages) == 1) {
        most.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + MORE_MEMORY;
        most.rlim_max = most.rlim_cur;
        setrlimit(RLIMIT_AS, &most);
    }
    fclose(usage);
#endif
}

/* Nothing that the plugin prints reaches the user, nothing that it starts
 * outlives the command, and a crash leaves no core file. */
static void isolate(void)
{
    const struct rlimit no_core = {0, 0}, processor = {SECONDS, SECONDS};
    const int null = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_CPU, &processor);
    limit_memory();
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        dup2(null, descriptor);
}

static bool send_all(int answer, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        const ssize_t n = write(answer, text, left);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            text += n;
            left -= (size_t)n;
        }
    }
    return true;
}

static json_t *refusal(const char *path, const char *error)
{
    return json_pack("{s:o, s:o}", "path", json_clean(path), "error",
                     json_clean(error));
}

static _Noreturn void load(descent_runtime *runtime, const char *path,
                           int answer)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    json_t *plugin;
    char *text;

    isolate();
    if (descent_runtime_load(runtime, path, &info) == DESCENT_OK)
        plugin = describe_plugin(&info);
    else
        plugin = refusal(path, descent_error_message());
    text = json_dumps(plugin, JSON_COMPACT);
    /* Not exit(): what the plugin left to be done there is its own affair. */
    _exit(text != NULL && send_all(answer, text) ? 0 : 1);
}

/* ---- In the command ---- */

static int milliseconds_until(double deadline)
{
    const double left = deadline - descent_clock();

    return left > 0 ? (int)(left * 1000) + 1 : 0;
}

/* Copy what the child sends to `copy`, until it ends, is too long or late. */
static void receive(int answer, double deadline, FILE *copy)
{
    struct pollfd waiting = {.fd = answer, .events = POLLIN};
    char piece[4096];
    size_t total = 0;
    ssize_t n = 1;

    while (n != 0 && total <= MOST_ANSWER) {
        const int ready = poll(&waiting, 1, milliseconds_until(deadline));

        if (ready == 0)
            return;
        n = ready > 0 ? read(answer, piece, sizeof piece) : -1;
        if (n < 0 && errno != EINTR)
            return;
        if (n > 0) {
            fwrite(piece, 1, (size_t)n, copy);
            total += (size_t)n;
        }
    }
}

/* Wait for the child's end, at most until the deadline; it is not reaped. */
static bool has_ended(pid_t child, double deadline)
{
    siginfo_t info = {.si_pid = 0};

    for (;;) {
        waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid == child)
            return true;
        if (milliseconds_until(deadline) == 0)
            return false;
        poll(NULL, 0, PAUSE);
    }
}

/* Why a child without a complete answer gave none. */
static json_t *post_mortem(const char *path, bool ended, int status)
{
    char error[PATH_MAX + 256];

    if (!ended)
        snprintf(error, sizeof error,
                 "%s: was not loaded within %d seconds; remove it, or what "
                 "its constructors wait for",
                 path, SECONDS);
    else if (WIFSIGNALED(status))
        snprintf(error, sizeof error,
                 "%s: crashed while it was loaded, signal %d (%s); rebuild it "
                 "or remove it",
                 path, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(error, sizeof error,
                 "%s: ended the process that loaded it, exit status %d; "
                 "rebuild it or remove it",
                 path, WEXITSTATUS(status));
    return refusal(path, error);
}

/* The child's description, its refusal, or what became of the child. */
static json_t *collect(const char *path, pid_t child, int answer)
{
    const double deadline = descent_clock() + SECONDS;
    char *text = NULL;
    size_t length = 0;
    FILE *copy = open_memstream(&text, &length);
    json_t *plugin = NULL;
    bool ended = true;
    int status = 0;

    if (copy != NULL) {
        receive(answer, deadline, copy);
        if (fclose(copy) == 0)
            plugin = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    }
    if (plugin == NULL)
        ended = has_ended(child, deadline);
    /* Also whatever the plugin started; the child itself may have gone over to
     * another process group. */
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (plugin == NULL)
        plugin = post_mortem(path, ended, status);
    free(text);
    return plugin;
}

json_t *probe_plugin(descent_runtime *runtime, const char *path)
{
    int ends[2];
    pid_t child;
    json_t *plugin;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return refusal(path, strerror(errno));
    child = fork();
    if (child == 0) {
        close(ends[0]);
        load(runtime, path, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        plugin = refusal(path, strerror(errno));
    } else {
        setpgid(child, child);
        plugin = collect(path, child, ends[0]);
    }
    close(ends[0]);
    return plugin;
}
