/* sodium KEY SEALED COMMAND [ARG...]: the least that a launcher with an encrypted file can do. Opens
   what seal.c made, adds its KEY=VALUE lines to the environment, becomes COMMAND.
   Build: cc -O2 -static sodium.c -lsodium */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY = crypto_aead_chacha20poly1305_ietf_KEYBYTES,
    NONCE = crypto_aead_chacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_chacha20poly1305_ietf_ABYTES,
};

extern char **environ;
static unsigned char key[KEY + 1], sealed[1 << 18], plain[1 << 18];
static char *variables[8192];

static void fail(const char *what) {
    fprintf(stderr, "sodium: %s\n", what);
    exit(125);
}

/* Files here are small: one read gives all of one, and one that fills the buffer is refused. */
static size_t read_file(const char *path, unsigned char *into, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, into, room);
    if (length < 0 || (size_t)length == room)
        fail(path);
    close(fd);
    return length;
}

int main(int argc, char **argv) {
    unsigned long long length;
    size_t count = 0, last = sizeof variables / sizeof *variables - 1;
    if (argc < 4)
        fail("usage: sodium KEY SEALED COMMAND [ARG...]");
    if (sodium_init() < 0)
        fail("libsodium does not start");
    if (read_file(argv[1], key, sizeof key) != KEY)
        fail("the key has another length");
    size_t given = read_file(argv[2], sealed, sizeof sealed);
    if (given < NONCE + TAG ||
        crypto_aead_chacha20poly1305_ietf_decrypt(plain, &length, NULL, sealed + NONCE, given - NONCE, NULL, 0, sealed,
                                                  key))
        fail("the file is damaged or sealed with another key");

    for (char **entry = environ; *entry && count < last; entry++)
        variables[count++] = *entry;
    for (char *line = (char *)plain, *end = line + length, *next; line < end && count < last; line = next + 1) {
        next = memchr(line, '\n', end - line);
        if (!next)
            fail("a line has no end");
        *next = 0;
        variables[count++] = line;
    }
    execve(argv[3], argv + 3, variables);
    fail("the command cannot be run");
}
