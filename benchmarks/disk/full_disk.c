/* A disk that is full from the n-th write below a folder on: preloaded, it stands before the C library's functions.
 *
 * Everything that writes goes through here (Python, OpenCV, ffmpeg, Paddle), but for the library's own stdio.
 * The state is shared between a process and those it forks. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define KEPT 65536

struct state {
    long count;              /* writes so far */
    long at;                 /* the write that finds the disk full; 0: none */
    long full;               /* it has */
    double share;            /* of that write that still fits */
    long sizes[KEPT];        /* bytes of each write */
    char folder[PATH_MAX];   /* the disk */
};

static struct state *shared;

void full_disk_state(struct state *s) { shared = s; }

static int on_disk(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    return n > 0 && strncmp(path, shared->folder, strlen(shared->folder)) == 0;
}

/* How many of so many bytes fit; -1: none, and errno says so. */
static ssize_t fitting(int fd, size_t size) {
    if (!shared || !shared->at || !size || !on_disk(fd)) return size;
    long number = __sync_add_and_fetch(&shared->count, 1);
    if (number <= KEPT) shared->sizes[number - 1] = size;
    if (number == shared->at) {
        shared->full = 1;
        size_t part = size * shared->share;
        if (part > 0) return part;
    }
    if (!shared->full) return size;
    errno = ENOSPC;
    return -1;
}

ssize_t write(int fd, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    ssize_t part = fitting(fd, size);
    return part < 0 ? -1 : real(fd, data, part);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    ssize_t part = fitting(fd, size);
    return part < 0 ? -1 : real(fd, data, part, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real) real = dlsym(RTLD_NEXT, "writev");
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    ssize_t part = fitting(fd, size);
    if (part < 0) return -1;
    return (size_t)part == size ? real(fd, parts, count) : write(fd, parts[0].iov_base, parts[0].iov_len);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) {
    static ssize_t (*real)(int, int, off64_t *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "sendfile64");
    ssize_t part = fitting(out, size);
    return part < 0 ? -1 : real(out, in, offset, part);
}

int statvfs64(const char *path, struct statvfs64 *found) {
    static int (*real)(const char *, struct statvfs64 *);
    if (!real) real = dlsym(RTLD_NEXT, "statvfs64");
    int status = real(path, found);
    if (status == 0 && shared && shared->full) found->f_bavail = found->f_bfree = 0;
    return status;
}

int statvfs(const char *path, struct statvfs *found) { return statvfs64(path, (struct statvfs64 *)found); }
