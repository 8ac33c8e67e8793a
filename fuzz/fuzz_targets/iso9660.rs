#![no_main]

discless_fuzz::target!("iso9660", discless_fuzz::shared::structured::ISO9660);
