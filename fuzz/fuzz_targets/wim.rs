#![no_main]

discless_fuzz::target!("wim", discless_fuzz::shared::structured::WIM);
