/*
 * Makes every sync of the disk cost at least so many microseconds more.
 *
 * What a durable write costs depends mostly on how long the machine's disk takes to sync, and a virtual
 * disk often takes no time at all. Loaded into a server by LD_PRELOAD, this library sleeps before each
 * fsync and fdatasync and then lets the real one run: nothing becomes less durable, and a figure taken
 * with a stated delay can be compared with the same figure from another machine.
 *
 * SLOWSYNC_FILE names a file of four bytes: the microseconds, as this machine writes a number. It is
 * looked at before each sync, so that one server can be measured on disks of several speeds.
 *
 *     cc -O2 -shared -fPIC -o slowsync.so slowsync.c
 *     printf '\xe8\x03\0\0' > slowsync.us
 *     SLOWSYNC_FILE=slowsync.us LD_PRELOAD=./slowsync.so custodia serve ...
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_call)(int);

static const volatile uint32_t *micros;
static sync_call real_fsync, real_fdatasync;

__attribute__((constructor)) static void prepare(void)
{
	const char *name = getenv("SLOWSYNC_FILE");
	int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	uint32_t first;

	real_fsync = (sync_call)dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = (sync_call)dlsym(RTLD_NEXT, "fdatasync");
	if (!name)
		return;
	if (file >= 0 && read(file, &first, sizeof first) == sizeof first) {
		void *page = mmap(NULL, sizeof first, PROT_READ, MAP_SHARED, file, 0);

		close(file);
		if (page != MAP_FAILED) {
			micros = page;
			return;
		}
	}
	/* A disk that is not as slow as somebody will write that it was is worse than none. */
	fprintf(stderr, "slowsync: cannot read %s\n", name);
	_exit(111);
}

static int after_delay(sync_call real, int fd)
{
	uint32_t delay = micros ? *micros : 0;
	struct timespec left = { delay / 1000000, delay % 1000000 * 1000L };

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
