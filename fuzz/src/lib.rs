//! What the targets hold: the same properties as the tests of the crates, over what a fuzzer finds.

#[path = "../../crates/world/tests/properties/mod.rs"]
pub mod demand;
#[path = "../../crates/controller/tests/properties/mod.rs"]
pub mod ticks;
