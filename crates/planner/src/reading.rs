//! An answer about one thing, and the ways of having none, which mean different things.

/// What a source said of one thing when a tick read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading<T> {
    /// The source answered, and this is what it said.
    Read(T),
    /// The source answered, and does not list it.
    Unlisted,
    /// The source was asked, and gave no answer.
    Unread,
    /// This tick has no use for the answer, and did not ask.
    #[default]
    NotAsked,
}

impl<T> Reading<T> {
    /// What was read, if anything was.
    pub fn read(&self) -> Option<&T> {
        match self {
            Reading::Read(read) => Some(read),
            Reading::Unlisted | Reading::Unread | Reading::NotAsked => None,
        }
    }

    /// The same, with what was read made into something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Reading::Read(read) => Reading::Read(change(read)),
            Reading::Unlisted => Reading::Unlisted,
            Reading::Unread => Reading::Unread,
            Reading::NotAsked => Reading::NotAsked,
        }
    }
}
