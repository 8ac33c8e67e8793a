#![no_main]

discless_fuzz::target!("cab", discless_fuzz::shared::structured::CAB);
