//! The Jicofos' REST, which answers whatever it likes: sizes and times are bounded, and bodies are never logged.

use std::time::Duration;

use controller::{
    Settings, jicofo,
    ports::{CallError, CallErrorKind, JicofoReader, JicofoReading},
};
use futures_util::future::join_all;
use reqwest::{Client, redirect::Policy};

/// The longest body that is read, in bytes: `/debug` has some 300 for each Jibri.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// Every configured Jicofo.
#[derive(Clone, Debug)]
pub struct Jicofos {
    client: Client,
    urls: Vec<String>,
}

impl Jicofos {
    /// A client for all of them.
    ///
    /// # Errors
    /// When no client can be made on this system.
    pub fn new(settings: &Settings) -> Result<Jicofos, reqwest::Error> {
        let client = Client::builder()
            .timeout(Duration::from_secs(settings.jicofo_timeout_seconds))
            // The answer must be Jicofo's own.
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(Jicofos { client, urls: settings.jicofo_urls.clone() })
    }

    async fn fetch(&self, base: &str) -> Result<JicofoReading, CallError> {
        let stats = self.get(base, "/stats").await?;
        let debug = self.get(base, "/debug").await?;
        jicofo::parse_reading(&stats, &debug).map_err(|problem| failure(base, "", problem))
    }

    async fn get(&self, base: &str, path: &str) -> Result<Vec<u8>, CallError> {
        let fail = |error: reqwest::Error| failure(base, path, describe(&error));
        let mut response = self.client.get(format!("{base}{path}")).send().await.map_err(fail)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(failure(base, path, format!("it answered {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(fail)? {
            if body.len() + chunk.len() > LONGEST_BODY {
                return Err(failure(base, path, format!("it answered more than {LONGEST_BODY} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl JicofoReader for Jicofos {
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>> {
        join_all(self.urls.iter().map(|base| self.fetch(base))).await
    }
}

fn failure(base: &str, path: &str, message: String) -> CallError {
    CallError { operation: format!("GET {base}{path}"), kind: CallErrorKind::Other, message }
}

/// The whole chain of causes, without the URL that the operation names already.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        causes.push(deeper.to_string());
        cause = deeper.source();
    }
    match causes.is_empty() {
        true => "the request failed".to_owned(),
        false => causes.join(": "),
    }
}
