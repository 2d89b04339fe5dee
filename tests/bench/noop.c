/* noop: the command that every launcher here starts. Without a C library, so that it costs one exec and
   one exit and the launcher is what is measured. Build: cc -O2 -static -nostdlib */
#include <sys/syscall.h>

__attribute__((noreturn)) void _start(void) {
    __asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
    __builtin_unreachable();
}
