/* SPDX-License-Identifier: MIT */
#include "base/quota.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096 };

/* Two numbers of FOLDER/FIRST, or one of it and one of FOLDER/SECOND: time that
 * may be used in each period.  "max" and -1 say that there is no limit. */
static double read_limit(const files *f, const char *folder, const char *first,
                         const char *second)
{
    char path[MOST + 64], text[64];
    double used, period;
    char *end;

    snprintf(path, sizeof path, "%s/%s", folder, first);
    files_read_text(f, path, text, sizeof text);
    used = strtod(text, &end);
    if (second != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, second);
        files_read_text(f, path, text, sizeof text);
        end = text;
    }
    period = strtod(end, NULL);
    return used > 0 && period > 0 ? used / period : HUGE_VAL;
}

/* The two versions of control groups: the lines of /proc/self/cgroup that name
 * ours, where they are mounted, and the files of their limits. */
static const struct {
    const char *controllers, *mount, *first, *second;
} versions[] = {
    {"", "/sys/fs/cgroup", "cpu.max", NULL},
    {"cpu", "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us"},
};

/* Is `name` among the names of a list, "a,b,c"? */
static bool is_listed(const char *list, const char *name)
{
    const size_t n = strlen(name);

    while (strcspn(list, ",") != n || strncmp(list, name, n) != 0) {
        list += strcspn(list, ",");
        if (*list++ == '\0')
            return false;
    }
    return true;
}

/* The least of a group, "/a/b", and of those that it is in.  A container may
 * see its own as "/", whatever its name. */
static double least_limit(const files *f, size_t version, char *group)
{
    char folder[MOST];
    double least = HUGE_VAL;

    for (;;) {
        const int n = snprintf(folder, sizeof folder, "%s%s",
                               versions[version].mount, group);
        char *const slash = strrchr(group, '/');
        if (n > 0 && n < MOST)
            least = fmin(least, read_limit(f, folder, versions[version].first,
                                           versions[version].second));
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* A line is "4:cpu,cpuacct:/a/b"; that of the second version "0::/a/b". */
uint32_t quota_processors(const files *f)
{
    char text[MOST], *line, *rest = text;
    double least = HUGE_VAL;

    files_read_text(f, "/proc/self/cgroup", text, sizeof text);
    while ((line = strsep(&rest, "\n")) != NULL) {
        strsep(&line, ":");
        const char *const controllers = strsep(&line, ":");
        for (size_t i = 0; i < 2 && line != NULL; i++)
            if (is_listed(controllers, versions[i].controllers))
                least = fmin(least, least_limit(f, i, line));
    }
    return least < UINT32_MAX ? (uint32_t)ceil(least) : 0;
}
