//! The subcommands.

pub(crate) mod compare;
pub(crate) mod faults;
pub(crate) mod trace;
