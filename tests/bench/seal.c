/* seal KEY SEALED: makes a new key, and from standard input's KEY=VALUE lines the file that sodium.c opens:
   nonce, then ciphertext with its tag. Build: cc -O2 seal.c -lsodium */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char plain[1 << 20], sealed[sizeof plain + 64];

static void write_file(const char *path, const unsigned char *bytes, size_t length) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file)) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv) {
    unsigned char key[crypto_aead_chacha20poly1305_ietf_KEYBYTES];
    unsigned char *nonce = sealed, *box = sealed + crypto_aead_chacha20poly1305_ietf_NPUBBYTES;
    unsigned long long length;
    if (argc != 3 || sodium_init() < 0) {
        fputs("usage: seal KEY SEALED < LINES\n", stderr);
        return 2;
    }
    size_t given = fread(plain, 1, sizeof plain, stdin);
    if (ferror(stdin) || !feof(stdin)) {
        fputs("seal: standard input cannot be read, or is 1 MiB or more\n", stderr);
        return 1;
    }
    crypto_aead_chacha20poly1305_ietf_keygen(key);
    randombytes_buf(nonce, crypto_aead_chacha20poly1305_ietf_NPUBBYTES);
    crypto_aead_chacha20poly1305_ietf_encrypt(box, &length, plain, given, NULL, 0, NULL, nonce, key);
    write_file(argv[1], key, sizeof key);
    write_file(argv[2], sealed, crypto_aead_chacha20poly1305_ietf_NPUBBYTES + length);
    return 0;
}
