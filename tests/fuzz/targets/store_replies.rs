#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| inject::fuzzing::store_replies(input));
