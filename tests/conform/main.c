/* SPDX-License-Identifier: MIT */
/* conform [--no-fused] FILE.jsonl...: one line for each failing case, then
 * "N passed, N failed"; exit status 1 if any failed. */
#include "conform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct session {
    descent_runtime *runtime;
    bool fused;
    unsigned long passed, failed;
} session;

static void judge(session *s, json_t *json)
{
    trial t = {.runtime = s->runtime, .fused = s->fused, .json = json};
    const char *id = json_string_value(json_object_get(json, "id"));
    bool passed;

    t.taken = json_array();
    if (t.taken == NULL || id == NULL)
        passed = trial_fault(&t, "a case needs an id");
    else if (json_object_get(json, "optimizer") != NULL)
        passed = run_optimizer(&t);
    else if (json_object_get(json, "schedule") != NULL)
        passed = run_schedule(&t);
    else
        passed = trial_fault(&t, "neither an optimizer nor a schedule");
    if (!passed)
        printf("FAILED %s: %s\n", id == NULL ? "?" : id, t.fault);
    json_decref(t.taken);
    if (passed)
        s->passed++;
    else
        s->failed++;
}

static void run_file(session *s, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    unsigned long number = 0;
    ssize_t length;

    if (file == NULL) {
        printf("FAILED %s: %s\n", path, strerror(errno));
        s->failed++;
        return;
    }
    while (errno = 0, (length = getline(&line, &size, file)) >= 0) {
        json_error_t error;
        json_t *json =
            json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, &error);
        number++;
        if (json_is_object(json)) {
            judge(s, json);
        } else {
            printf("FAILED %s:%lu: %s\n", path, number,
                   json == NULL ? error.text : "expected an object");
            s->failed++;
        }
        json_decref(json);
    }
    if (!feof(file) || number == 0) {
        printf("FAILED %s: %s\n", path,
               feof(file) ? "no cases" : strerror(errno));
        s->failed++;
    }
    free(line);
    fclose(file);
}

int main(int argc, char **argv)
{
    session s = {.fused = true};
    int first = 1;

    if (first < argc && strcmp(argv[first], "--no-fused") == 0) {
        s.fused = false;
        first++;
    }
    if (first == argc || argv[first][0] == '-') {
        fprintf(stderr, "usage: %s [--no-fused] FILE.jsonl...\n", argv[0]);
        return 2;
    }
    if (descent_runtime_create(NULL, &s.runtime) != DESCENT_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], descent_error_message());
        return 1;
    }
    for (int i = first; i < argc; i++)
        run_file(&s, argv[i]);
    descent_runtime_free(s.runtime);
    printf("%lu passed, %lu failed\n", s.passed, s.failed);
    return s.failed == 0 ? 0 : 1;
}
