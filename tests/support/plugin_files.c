/* SPDX-License-Identifier: MIT */
#include "plugin_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void give_up(const char *what, const char *path)
{
    fprintf(stderr, "test support: %s %s\n", what, path);
    abort();
}

static void build_folder(char path[PATH_MAX])
{
    const char *build = getenv("DESCENT_TEST_BUILD");

    if (realpath(build == NULL ? "build" : build, path) == NULL)
        give_up("no build folder", build == NULL ? "build" : build);
}

static void put_below(char path[PATH_MAX], const char *rest)
{
    if (strlen(path) + strlen(rest) >= PATH_MAX)
        give_up("path too long:", path);
    strcat(path, rest);
}

void plugin_built_folder(char path[PATH_MAX])
{
    build_folder(path);
    put_below(path, "/tests/plugins");
}

void plugin_built_path(const char *name, char path[PATH_MAX])
{
    plugin_built_folder(path);
    put_below(path, "/");
    put_below(path, name);
    put_below(path, ".so");
}

bool plugin_shipped_path(const char *name, char path[PATH_MAX])
{
    build_folder(path);
    put_below(path, "/plugins/");
    put_below(path, name);
    put_below(path, ".so");
    return access(path, R_OK) == 0;
}

bool plugin_library_path(char path[PATH_MAX])
{
    build_folder(path);
    put_below(path, "/libdescent.so.0");
    return access(path, R_OK) == 0;
}

void plugin_command_path(char path[PATH_MAX])
{
    build_folder(path);
    put_below(path, "/descent");
}

plugin_bytes plugin_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    plugin_bytes bytes;

    if (file == NULL || fstat(fileno(file), &status) != 0)
        give_up("cannot open", path);
    bytes.size = (size_t)status.st_size;
    bytes.at = malloc(bytes.size + 1);
    if (bytes.at == NULL || fread(bytes.at, 1, bytes.size, file) != bytes.size)
        give_up("cannot read", path);
    fclose(file);
    return bytes;
}

void plugin_free(plugin_bytes *bytes)
{
    free(bytes->at);
    bytes->at = NULL;
}

void plugin_write(const char *path, const void *bytes, size_t size)
{
    FILE *file;

    unlink(path);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size ||
        fclose(file) != 0 || chmod(path, 0644) != 0)
        give_up("cannot write", path);
}

void plugin_folder_make(char path[PATH_MAX])
{
    static unsigned folders;
    const char *place = getenv("TMPDIR");
    char made[PATH_MAX / 2];

    do
        snprintf(made, sizeof made, "%s/descent-test-%ld-%u",
                 place != NULL && place[0] == '/' ? place : "/tmp",
                 (long)getpid(), folders++);
    while (mkdir(made, 0700) != 0 && errno == EEXIST);
    if (chmod(made, 0755) != 0 || realpath(made, path) == NULL)
        give_up("cannot make the folder", made);
}

void plugin_folder_remove(const char *path)
{
    DIR *stream = opendir(path);
    struct dirent *entry;

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        char inside[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        strcpy(inside, plugin_in(path, entry->d_name));
        if (unlink(inside) != 0)
            plugin_folder_remove(inside);
    }
    if (stream != NULL)
        closedir(stream);
    rmdir(path);
}

const char *plugin_in(const char *folder, const char *name)
{
    static char buffers[8][PATH_MAX];
    static int next;
    char *const path = buffers[next++ % 8];

    if (snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        give_up("path too long:", folder);
    return path;
}

void plugin_copy(const char *built, const char *folder, const char *file)
{
    char path[PATH_MAX];
    plugin_bytes bytes;

    plugin_built_path(built, path);
    bytes = plugin_read(path);
    plugin_write(plugin_in(folder, file), bytes.at, bytes.size);
    plugin_free(&bytes);
}
