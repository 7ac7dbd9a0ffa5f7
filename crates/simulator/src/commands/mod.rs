//! The subcommands.

pub(crate) mod compare;
pub(crate) mod trace;
