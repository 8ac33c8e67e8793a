#![no_main]

discless_fuzz::target!("udf", discless_fuzz::shared::structured::UDF);
