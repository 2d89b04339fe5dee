/* chacha [-f DIRECTORY] KEY SEALED COMMAND [ARG...]: what sodium.c does, without a library and without asking
   the processor what it can do, which traps under a hypervisor: the floor for a launcher with an encrypted file.
   With -f the lines become files, on a tmpfs that is mounted there in a mount namespace of its own.
   ChaCha20 and Poly1305 as in RFC 8439. Build: musl-gcc -O2 -static chacha.c */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { KEY = 32, NONCE = 12, TAG = 16, LANES = 4 };

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));
typedef unsigned __int128 wide;

extern char **environ;
static uint8_t key[KEY + 1], sealed[1 << 18], plain[1 << 18];
static char *variables[8192];

static void fail(const char *what) {
    (void)!write(2, what, strlen(what));
    (void)!write(2, ": no\n", 5);
    _exit(125);
}

static size_t read_file(const char *path, uint8_t *into, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, into, room);
    if (length < 0 || (size_t)length == room)
        fail(path);
    close(fd);
    return length;
}

/* The machine's order of bytes is the standard's. */
static uint32_t word(const uint8_t *from) {
    uint32_t value;
    memcpy(&value, from, 4);
    return value;
}

static uint64_t half(const uint8_t *from) {
    uint64_t value;
    memcpy(&value, from, 8);
    return value;
}

static lanes turned(lanes value, int by) {
    return value << by | value >> (32 - by);
}

static void quarter(lanes *a, lanes *b, lanes *c, lanes *d) {
    *a += *b, *d = turned(*d ^ *a, 16);
    *c += *d, *b = turned(*b ^ *c, 12);
    *a += *b, *d = turned(*d ^ *a, 8);
    *c += *d, *b = turned(*b ^ *c, 7);
}

/* The key stream from this block on, a block in each lane. */
static void blocks(uint32_t number, const uint8_t *nonce, uint8_t out[LANES][64]) {
    static const uint32_t constant[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    lanes start[16], now[16];
    for (int i = 0; i < 16; i++) {
        uint32_t value = i < 4 ? constant[i] : i < 12 ? word(key + 4 * (i - 4)) : i == 12 ? 0 : word(nonce + 4 * (i - 13));
        for (int lane = 0; lane < LANES; lane++)
            start[i][lane] = i == 12 ? number + lane : value;
        now[i] = start[i];
    }
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 4; i++) {
            int turn = round % 2; /* columns, then diagonals */
            quarter(&now[i], &now[4 + (i + turn) % 4], &now[8 + (i + 2 * turn) % 4], &now[12 + (i + 3 * turn) % 4]);
        }
    for (int i = 0; i < 16; i++) {
        now[i] += start[i];
        for (int lane = 0; lane < LANES; lane++) {
            uint32_t value = now[i][lane];
            memcpy(out[lane] + 4 * i, &value, 4);
        }
    }
}

/* Poly1305 of the text and the lengths that end an AEAD's, in limbs of 64, 64 and a few bits. */
static void authenticate(const uint8_t *pair, const uint8_t *text, size_t length, uint8_t tag[TAG]) {
    uint64_t r0 = half(pair) & 0x0ffffffc0fffffff, r1 = half(pair + 8) & 0x0ffffffc0ffffffc, fifth = r1 + (r1 >> 2);
    uint64_t h0 = 0, h1 = 0, h2 = 0;
    for (size_t at = 0, end = (length + 15) / 16 * 16; at <= end; at += 16) {
        uint8_t block[16] = {0};
        uint64_t total = length;
        if (at == end)
            memcpy(block + 8, &total, 8);
        else
            memcpy(block, text + at, length - at < 16 ? length - at : 16);
        wide sum = (wide)h0 + half(block);
        h0 = sum;
        sum = (wide)h1 + half(block + 8) + (uint64_t)(sum >> 64);
        h1 = sum;
        h2 += 1 + (uint64_t)(sum >> 64);
        wide low = (wide)h0 * r0 + (wide)h1 * fifth, high = (wide)h0 * r1 + (wide)h1 * r0 + (wide)h2 * fifth;
        uint64_t top = h2 * r0;
        h0 = low;
        high += (uint64_t)(low >> 64);
        h1 = high;
        top += (uint64_t)(high >> 64);
        h2 = top & 3;
        sum = (wide)h0 + (top >> 2) * 5;
        h0 = sum;
        sum = (wide)h1 + (uint64_t)(sum >> 64);
        h1 = sum;
        h2 += (uint64_t)(sum >> 64);
    }
    wide sum = (wide)h0 + 5;
    uint64_t g0 = sum;
    sum = (wide)h1 + (uint64_t)(sum >> 64);
    uint64_t g1 = sum;
    if ((h2 + (uint64_t)(sum >> 64)) >> 2)
        h0 = g0, h1 = g1;
    sum = (wide)h0 + half(pair + 16);
    h0 = sum;
    h1 += half(pair + 24) + (uint64_t)(sum >> 64);
    memcpy(tag, &h0, 8);
    memcpy(tag + 8, &h1, 8);
}

/* Gives the directory on a tmpfs that nobody else sees. */
static int mounted(const char *path) {
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
        (mount("tmpfs", path, "tmpfs", flags, "size=16m,mode=700,noswap") &&
         mount("tmpfs", path, "tmpfs", flags, "size=16m,mode=700")))
        fail("a tmpfs");
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void write_file(int directory, char *line, const char *end) {
    char *value = memchr(line, '=', end - line);
    if (!value)
        fail("a line's name");
    *value++ = 0;
    int file = openat(directory, line, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    if (file < 0 || write(file, value, end - value) != end - value)
        fail(line);
    close(file);
}

int main(int argc, char **argv) {
    uint8_t stream[LANES][64], tag[TAG];
    size_t count = 0, last = sizeof variables / sizeof *variables - 1;
    const char *path = argc > 2 && !strcmp(argv[1], "-f") ? argv[2] : NULL;
    if (path)
        argc -= 2, argv += 2;
    if (argc < 4)
        fail("usage: chacha [-f DIRECTORY] KEY SEALED COMMAND [ARG...]");
    if (read_file(argv[1], key, sizeof key) != KEY)
        fail("the key's length");
    size_t length = read_file(argv[2], sealed, sizeof sealed);
    if (length < NONCE + TAG)
        fail("the file's length");
    const uint8_t *text = sealed + NONCE;
    length -= NONCE + TAG;
    blocks(0, sealed, stream);
    authenticate(stream[0], text, length, tag);
    uint8_t differs = 0;
    for (int i = 0; i < TAG; i++)
        differs |= tag[i] ^ text[length + i];
    if (differs)
        fail("the file's tag");
    for (size_t at = 0; at < length; at += sizeof stream) {
        blocks(1 + at / 64, sealed, stream);
        for (size_t i = 0; i < sizeof stream && at + i < length; i++)
            plain[at + i] = text[at + i] ^ stream[i / 64][i % 64];
    }

    for (char **entry = environ; *entry && count < last; entry++)
        variables[count++] = *entry;
    int directory = path ? mounted(path) : -1;
    for (char *line = (char *)plain, *end = line + length, *next; line < end && count < last; line = next + 1) {
        next = memchr(line, '\n', end - line);
        if (!next)
            fail("a line's end");
        *next = 0;
        if (path)
            write_file(directory, line, next);
        else
            variables[count++] = line;
    }
    execve(argv[3], argv + 3, variables);
    fail("the command");
}
