/*
 * Makes every sync of the disk cost at least SLOWSYNC_US microseconds more.
 *
 * What a durable write costs depends mostly on how long the machine's disk takes to sync, and a virtual
 * disk often takes no time at all. Loaded into a server by LD_PRELOAD, this library sleeps before each
 * fsync and fdatasync and then lets the real one run: nothing becomes less durable, and a figure taken
 * with a stated delay can be compared with the same figure from another machine.
 *
 *     cc -O2 -shared -fPIC -o slowsync.so slowsync.c
 *     SLOWSYNC_US=1000 LD_PRELOAD=./slowsync.so custodia serve ...
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

typedef int (*sync_call)(int);

static struct timespec delay;
static sync_call real_fsync, real_fdatasync;

__attribute__((constructor)) static void prepare(void)
{
	const char *text = getenv("SLOWSYNC_US");
	long micros = text ? strtol(text, NULL, 10) : 0;

	delay.tv_sec = micros / 1000000;
	delay.tv_nsec = micros % 1000000 * 1000;
	real_fsync = (sync_call)dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = (sync_call)dlsym(RTLD_NEXT, "fdatasync");
}

static int after_delay(sync_call real, int fd)
{
	struct timespec left = delay;

	while ((left.tv_sec || left.tv_nsec) && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
	return real(fd);
}

int fsync(int fd)
{
	return after_delay(real_fsync, fd);
}

int fdatasync(int fd)
{
	return after_delay(real_fdatasync, fd);
}
