//! Traces: a CSV with a header, `start` (RFC 3339, UTC) and `duration_seconds`, sorted by `start`.

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
};

use controller::text::{quote, shorten};

use super::Request;

/// The longest recording that a trace may hold, in seconds: a week.
const LONGEST_SECONDS: i64 = 7 * 24 * 3600;
/// The longest line, in bytes: a file without line breaks is no trace.
const LONGEST_LINE: u64 = 1000;

/// What is wrong with a trace, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for TraceError {}

/// Reads a trace.
///
/// # Errors
/// The first line that is not as it must be.
pub fn read_trace(mut trace: impl BufRead) -> Result<Vec<Request>, TraceError> {
    let mut requests: Vec<Request> = Vec::new();
    for index in 0.. {
        let fail = |problem: String| TraceError { line: index + 1, problem };
        let Some(text) = next_line(&mut trace).map_err(fail)? else { break };
        let text = text.trim_end_matches(['\r', '\n']);
        match index {
            0 if text == "start,duration_seconds" => continue,
            0 => {
                return Err(fail(format!("the header is {}, and must be start,duration_seconds", quote(text))));
            }
            _ if text.is_empty() => continue,
            _ => {}
        }
        let request = read_line(text).map_err(fail)?;
        if requests.last().is_some_and(|before| before.at > request.at) {
            return Err(fail(format!("{} starts before the line above it", quote(text))));
        }
        requests.push(request);
    }
    match requests.is_empty() {
        true => Err(TraceError { line: 1, problem: "there is no recording in it".into() }),
        false => Ok(requests),
    }
}

/// Writes a trace.
///
/// # Errors
/// What could not be written.
pub fn write_trace(requests: &[Request], to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "start,duration_seconds")?;
    for request in requests {
        let start = jiff::Timestamp::from_millisecond(request.at).map_err(io::Error::other)?;
        writeln!(to, "{start},{}", request.duration_ms / 1000)?;
    }
    Ok(())
}

fn read_line(text: &str) -> Result<Request, String> {
    let (start, duration) = text.split_once(',').ok_or_else(|| format!("{} has no comma", quote(text)))?;
    let start: jiff::Timestamp = start
        .parse()
        .map_err(|_| format!("start is {}, and must be a moment such as 2026-01-05T06:01:57Z", quote(start)))?;
    let duration_seconds = duration.parse().ok().filter(|seconds| (1..=LONGEST_SECONDS).contains(seconds));
    let duration_seconds = duration_seconds.ok_or_else(|| {
        format!("duration_seconds is {}, and must be a whole number from 1 to {LONGEST_SECONDS}", quote(duration))
    })?;
    Ok(Request { at: start.as_millisecond(), duration_ms: duration_seconds * 1000 })
}

fn next_line(trace: &mut impl BufRead) -> Result<Option<String>, String> {
    let mut line = String::new();
    let length = trace.by_ref().take(LONGEST_LINE).read_line(&mut line).map_err(|error| shorten(&error))?;
    match length {
        0 => Ok(None),
        _ if length as u64 == LONGEST_LINE && !line.ends_with('\n') => {
            Err(format!("it is longer than {LONGEST_LINE} bytes"))
        }
        _ => Ok(Some(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Request>, String> {
        read_trace(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_trace_is_read_in_order() {
        let trace = "start,duration_seconds\r\n2026-01-05T06:01:57Z,5537\n2026-01-05T06:01:57Z,60\n\n";
        let at = 1_767_592_917_000;
        assert_eq!(read(trace), Ok(vec![Request { at, duration_ms: 5_537_000 }, Request { at, duration_ms: 60_000 }]));
    }

    #[test]
    fn a_bad_trace_is_an_error_with_its_line() {
        let line = |text: &str| format!("start,duration_seconds\n2026-01-05T06:01:57Z,60\n{text}\n");
        for (trace, expected) in [
            (String::new(), "line 1: there is no recording"),
            ("start,duration_seconds\n".into(), "line 1: there is no recording"),
            ("a,b\n".into(), "line 1: the header is \"a,b\""),
            (line("soon,60"), "line 3: start is \"soon\""),
            (line("2026-01-05T06:01:58Z"), "line 3: \"2026-01-05T06:01:58Z\" has no comma"),
            (line("2026-01-05T06:01:58Z,0"), "line 3: duration_seconds is \"0\""),
            (line("2026-01-05T06:01:58Z,1e3"), "line 3: duration_seconds is \"1e3\""),
            (line("2026-01-05T06:01:58Z,60,7"), "line 3: duration_seconds is \"60,7\""),
            (line("2026-01-05T06:01:56Z,60"), "line 3: \"2026-01-05T06:01:56Z,60\" starts before"),
        ] {
            let error = read(&trace).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = read_trace(&b"start,duration_seconds\n\xff\xfe,1\n"[..]).unwrap_err();
        assert_eq!(error.line, 2);
        let error = read(&line(&"x".repeat(1000))).unwrap_err();
        assert_eq!(error, "line 3: it is longer than 1000 bytes");
    }
}
