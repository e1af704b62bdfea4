/*
 * What survives a power cut.
 *
 * Loaded before libc (LD_PRELOAD). A program that has called fsync or fdatasync may count on what was in the file at
 * that time, and on nothing later. So at each successful sync of a file of $SURVIVES_OF (a path; the files are those
 * whose names begin with it) the file is copied into the directory $SURVIVES_IN, under its own name. The copy is
 * renamed into place, so a process killed meanwhile leaves the copy of the sync before, whole. When the directory of
 * those files is synced, what is not there any more loses its copy too: only then is a removal sure to last.
 *
 * Writes through descriptors opened with O_SYNC or O_DSYNC and msync would be syncs too; SQLite uses neither here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void must(int done, const char *what)
{
    if (!done) {
        perror(what);
        abort();
    }
}

static void copy(const char *from, const char *to)
{
    char draft[3 * PATH_MAX];
    struct stat about;
    off_t at = 0;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target;

    snprintf(draft, sizeof draft, "%s.draft", to);
    target = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(source >= 0 && target >= 0 && fstat(source, &about) == 0, "survives: open");
    while (at < about.st_size)
        must(sendfile(target, source, &at, about.st_size - at) > 0, "survives: copy");
    close(source);
    close(target);
    must(rename(draft, to) == 0, "survives: rename");
}

static void forget_removed(const char *of, const char *in)
{
    char original[2 * PATH_MAX], kept[2 * PATH_MAX];
    DIR *copies = opendir(in);
    struct dirent *entry;

    must(copies != NULL, "survives: opendir");
    while ((entry = readdir(copies))) {
        snprintf(original, sizeof original, "%s/%s", of, entry->d_name);
        snprintf(kept, sizeof kept, "%s/%s", in, entry->d_name);
        if (entry->d_name[0] != '.' && access(original, F_OK) != 0)
            must(unlink(kept) == 0, "survives: unlink");
    }
    closedir(copies);
}

static void note(int fd)
{
    const char *of = getenv("SURVIVES_OF");
    const char *in = getenv("SURVIVES_IN");
    char link[64], from[PATH_MAX], to[2 * PATH_MAX];
    ssize_t length;

    if (!of || !in)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, from, sizeof from - 1);
    must(length > 0, "survives: readlink");
    from[length] = 0;
    if (strncmp(from, of, length) == 0 && strrchr(of, '/') == of + length) {
        forget_removed(from, in);
    } else if (strncmp(from, of, strlen(of)) == 0) {
        snprintf(to, sizeof to, "%s/%s", in, strrchr(from, '/') + 1);
        copy(from, to);
    }
}

static int sync_and_note(const char *name, int fd)
{
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int done = sync(fd);
    int reason = errno;

    if (done == 0) {
        pthread_mutex_lock(&one_at_a_time);
        note(fd);
        pthread_mutex_unlock(&one_at_a_time);
    }
    errno = reason;
    return done;
}

int fsync(int fd) { return sync_and_note("fsync", fd); }

int fdatasync(int fd) { return sync_and_note("fdatasync", fd); }
