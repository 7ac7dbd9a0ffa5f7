//! The subcommands.

pub(crate) mod compare;
