/* steps COMMAND [ARG...]: runs COMMAND one instruction at a time until it becomes another program, and
   writes on one line what that took: user instructions, CPUIDs (each traps under a hypervisor), system calls, the exec
   among them. Then the program that it became is ended.
   Counts are free of noise: no address randomisation, one processor (which also makes a step four times as
   fast), and a repeated string instruction, which stops at each repetition, counts once. Follows one thread.
   Build: cc -O2 steps.c */
#define _GNU_SOURCE
#ifndef __x86_64__
#error "steps knows the instructions of x86-64 only"
#endif
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPUID = 0xa20f, SYSCALL = 0x050f };

static void fail(const char *what) {
    fprintf(stderr, "steps: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void stay_on_one_processor(void) {
    cpu_set_t allowed, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        fail("sched_getaffinity");
    for (int cpu = 0; !CPU_COUNT(&one); cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one))
        fail("sched_setaffinity");
}

static void become(char **command) {
    if (personality(ADDR_NO_RANDOMIZE) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        fail("cannot trace");
    execv(command[0], command);
    fail(command[0]);
}

/* One register, or the word of code at an address. */
static unsigned long peek(enum __ptrace_request what, pid_t child, unsigned long at) {
    errno = 0;
    unsigned long word = ptrace(what, child, at, NULL);
    if (errno)
        fail("the command cannot be read");
    return word;
}

int main(int argc, char **argv) {
    unsigned long instructions = 0, cpuids = 0, syscalls = 0, last = 0;
    int status;
    if (argc < 2) {
        fputs("usage: steps COMMAND [ARG...]\n", stderr);
        return 2;
    }
    stay_on_one_processor();
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (!child)
        become(argv + 1);
    if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status))
        return 1;
    if (ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL))
        fail("ptrace");

    while (status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
        if (WSTOPSIG(status) != SIGTRAP) {
            fprintf(stderr, "steps: %s got signal %d\n", argv[1], WSTOPSIG(status));
            return 1;
        }
        unsigned long at = peek(PTRACE_PEEKUSER, child, offsetof(struct user_regs_struct, rip));
        if (at != last) {
            unsigned code = peek(PTRACE_PEEKTEXT, child, at) & 0xffff;
            instructions++;
            cpuids += code == CPUID;
            syscalls += code == SYSCALL;
        }
        last = at;
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) || waitpid(child, &status, 0) < 0)
            fail("ptrace");
        if (!WIFSTOPPED(status)) {
            fprintf(stderr, "steps: %s ended without becoming another program\n", argv[1]);
            return 1;
        }
    }
    kill(child, SIGKILL);
    printf("%lu %lu %lu\n", instructions, cpuids, syscalls);
    return 0;
}
