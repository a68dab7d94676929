#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| superseed_fuzz::tracker::check(bytes));
