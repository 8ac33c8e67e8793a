#![no_main]

discless_fuzz::target!("msi", discless_fuzz::shared::structured::MSI);
