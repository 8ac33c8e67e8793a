//! Decoders of ours for methods of packing that no crate decodes well: each takes packed bytes and a place
//! for what they unpack to, and knows nothing of the format around it.

mod bits;
mod history;
mod huffman;
pub mod lzms;
pub mod lzx;
pub mod mszip;
pub mod quantum;
pub mod xpress;
