//! Input that is almost what is expected: the samples of `fuzz/seeds/`, cut, doubled and spoilt.
#![allow(unreachable_pub, reason = "other crates' tests use it too")]

use std::{fs, path::Path};

use proptest::{prelude::*, sample::Index, test_runner::RngSeed};

/// What goes wrong in texts.
const TOKENS: [&str; 33] = [
    "",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\n",
    "\r",
    "\0",
    "=",
    " ",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "NaN",
    "1e300",
    "99999999999999999999",
    "10001",
    "\"IDLE\"",
    "\"HEALTHY\"",
    "\"gone\"",
    "i-1",
    "i-0123456789abcdef0",
    "\u{202e}",
    "🦀",
    "2027-01-18T08:56:00Z",
    "-1000000000-01-01T00:00:00Z",
    "----------ERROR-------",
];

#[derive(Clone, Debug)]
enum Change {
    Cut,
    Double,
    Replace(&'static str),
    Flip(u8),
}

/// The samples of a parser, by the name of its folder.
pub fn seeds(parser: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(parser);
    let mut paths: Vec<_> = fs::read_dir(folder).expect("seeds").map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// A sample unchanged, or changed in up to four places.
pub fn mutated(parser: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let samples = seeds(parser);
    let change = prop_oneof![
        2 => Just(Change::Cut),
        1 => Just(Change::Double),
        4 => proptest::sample::select(&TOKENS[..]).prop_map(Change::Replace),
        2 => any::<u8>().prop_map(Change::Flip),
    ];
    // Small changes leave more to be understood: most are of few bytes.
    let length = prop_oneof![4 => 0usize..6, 1 => 0usize..200];
    let changes = proptest::collection::vec((any::<Index>(), length, change), 0..5);
    (proptest::sample::select(samples), changes).prop_map(|(mut text, changes)| {
        for (at, length, change) in changes {
            let begin = at.index(text.len() + 1);
            let end = (begin + length).min(text.len());
            let new = match change {
                Change::Cut => Vec::new(),
                Change::Double => text[begin..end].repeat(2),
                Change::Replace(token) => token.as_bytes().to_vec(),
                Change::Flip(bits) => text[begin..end].iter().map(|byte| byte ^ bits).collect(),
            };
            text.splice(begin..end, new);
        }
        text
    })
}

/// Anything at all, or almost what is expected.
pub fn hostile(parser: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    prop_oneof![1 => proptest::collection::vec(any::<u8>(), 0..200), 9 => mutated(parser)]
}

/// Always the same cases, unless `PROPTEST_RNG_SEED=7 PROPTEST_CASES=100000` asks for others.
pub fn config(cases: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let rng_seed = match asked.rng_seed {
        RngSeed::Random => RngSeed::Fixed(20_261_125),
        fixed => fixed,
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { cases };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..asked }
}
