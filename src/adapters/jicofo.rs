//! The Jicofos' REST, which answers whatever it likes: sizes and times are bounded, and bodies are never logged.

use std::time::Duration;

use controller::{
    Settings, jicofo,
    ports::{CallError, CallErrorKind, JicofoReader, JicofoReading},
    text::shorten_reason,
};
use futures_util::future::join_all;
use reqwest::{Client, redirect::Policy};

use super::call::causes;

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
            // Between two invocations Lambda freezes the function, and Jicofo may close what is kept open.
            .pool_max_idle_per_host(0)
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
    let message = shorten_reason(&message);
    CallError { operation: format!("GET {base}{path}"), kind: CallErrorKind::Other, message }
}

/// The whole chain of causes, without the URL that the operation names already.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    std::error::Error::source(error).map_or_else(|| "the request failed".to_owned(), causes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    const STATS: &str = r#"{"jibri_detector":{"count":1,"available":1}}"#;
    const DEBUG: &str = r#"{"jibri_detector":{"is_sip":false,"i-1":{"health_status":"HEALTHY","busy_status":"IDLE"}}}"#;

    /// What a stand-in of Jicofo does with a request.
    #[derive(Clone)]
    enum Answer {
        Json,
        Status(&'static str),
        Body(String),
        Endless,
        Never,
        Drop,
    }

    async fn answer(mut stream: TcpStream, answer: Answer) {
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.expect("a request");
        let body = if request[..read].starts_with(b"GET /stats") { STATS } else { DEBUG };
        let reply = match answer {
            Answer::Json => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
            Answer::Status(status) => format!("HTTP/1.1 {status}\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
            Answer::Body(body) => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
            Answer::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while stream.write_all(&[b' '; 65536]).await.is_ok() {}
                return;
            }
            Answer::Never => std::future::pending().await,
            Answer::Drop => return,
        };
        let _ = stream.write_all(reply.as_bytes()).await;
    }

    async fn serve(how: Answer) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, how.clone()));
            }
        });
        url
    }

    async fn fetch(urls: &str) -> Vec<Result<JicofoReading, CallError>> {
        let variables = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", urls), ("JICOFO_TIMEOUT_SECONDS", "1")];
        let variables: BTreeMap<_, _> =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let settings = Settings::from_variables(&variables).expect("settings");
        Jicofos::new(&settings).expect("a client").fetch_jicofos().await
    }

    #[tokio::test]
    async fn each_jicofo_gives_its_own_answer_or_error() {
        let (good, bad) = (serve(Answer::Json).await, serve(Answer::Status("500 Internal Server Error")).await);
        let readings = fetch(&format!("{good}, {bad}/")).await;
        assert_eq!(readings[0].as_ref().unwrap().jibris[0].nickname, "i-1");
        let error = readings[1].as_ref().unwrap_err().to_string();
        assert_eq!(error, format!("GET {bad}/stats: it answered 500 Internal Server Error"));
    }

    #[tokio::test]
    async fn whatever_else_it_answers_is_an_error_in_words() {
        for (how, expected) in [
            (Answer::Status("302 Found"), "it answered 302 Found"),
            (Answer::Body("<html>".into()), "/stats cannot be read"),
            (Answer::Body("{}".into()), "/stats has no jibri_detector"),
            (Answer::Endless, "it answered more than 8388608 bytes"),
            (Answer::Never, "it did not answer in time"),
            (Answer::Drop, "connection"),
        ] {
            let readings = fetch(&serve(how).await).await;
            let error = readings[0].as_ref().unwrap_err().to_string();
            assert!(error.contains(expected), "expected {expected:?}: {error}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        drop(listener);
        let error = fetch(&url).await[0].as_ref().unwrap_err().to_string();
        assert!(error.contains("refused"), "{error}");
    }
}
