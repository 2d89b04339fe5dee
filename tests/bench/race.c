/* race ROUNDS: measures commands side by side. Standard input has one a line, a name and its words separated
   by tabs. Every round starts each command in an order shuffled anew; a run that counts comes right after
   one of the same command that does not, so that a small program does not pay for the caches that its
   neighbour emptied. Time is from spawn to end; a command that fails ends the race.
   Writes a line for each command: name, median in microseconds, greatest resident set in KiB.
   Static, since a spawned process's resident set begins with that of its parent.
   Build: cc -O2 -static race.c */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { WARM_UP_ROUNDS = 10, MOST_COMMANDS = 64 };

struct contender {
    char *name, **words;
    double *times;
    long resident;
};

extern char **environ;
static struct contender contenders[MOST_COMMANDS];

static void fail(const char *what, const char *why) {
    fprintf(stderr, "race: %s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

/* Takes the line over: its words point into it. */
static struct contender parse(char *line, size_t rounds) {
    size_t words = 0;
    for (char *at = line; *at; at++)
        words += *at == '\t';
    struct contender contender = {.name = strtok(line, "\t\n"), .words = calloc(words + 1, sizeof(char *)),
                                  .times = calloc(rounds, sizeof(double))};
    if (!words || !contender.name || !contender.words || !contender.times)
        fail("standard input", "a line is no name and command, or memory is short");
    for (char **word = contender.words; (*word = strtok(NULL, "\t\n")); word++)
        ;
    return contender;
}

/* Microseconds from spawn to end. */
static double run(struct contender *contender) {
    pid_t child;
    int status;
    struct rusage usage;
    double start = now();
    int error = posix_spawn(&child, contender->words[0], NULL, NULL, contender->words, environ);
    if (error)
        fail(contender->name, strerror(error));
    while (wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR)
            fail("wait4", strerror(errno));
    double time = now() - start;
    if (status)
        fail(contender->name, "did not end with status 0");
    if (usage.ru_maxrss > contender->resident)
        contender->resident = usage.ru_maxrss;
    return time;
}

static void shuffle(size_t *order, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t other = random() % i, kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv) {
    size_t rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, count = 0, order[MOST_COMMANDS], room = 0;
    if (!rounds)
        fail("usage", "race ROUNDS < COMMANDS");
    for (char *line = NULL; getline(&line, &room, stdin) > 0; line = NULL, room = 0) {
        if (count == MOST_COMMANDS)
            fail("standard input", "too many commands");
        order[count] = count;
        contenders[count++] = parse(line, rounds);
    }

    for (size_t round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
        shuffle(order, count);
        for (size_t i = 0; i < count; i++) {
            struct contender *contender = &contenders[order[i]];
            run(contender);
            double time = run(contender);
            if (round >= WARM_UP_ROUNDS)
                contender->times[round - WARM_UP_ROUNDS] = time;
        }
    }

    for (struct contender *contender = contenders; contender < contenders + count; contender++) {
        qsort(contender->times, rounds, sizeof(double), ascending);
        printf("%s %.1f %ld\n", contender->name, contender->times[rounds / 2], contender->resident);
    }
    return 0;
}
