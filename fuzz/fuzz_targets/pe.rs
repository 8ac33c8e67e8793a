#![no_main]

discless_fuzz::target!("pe");
