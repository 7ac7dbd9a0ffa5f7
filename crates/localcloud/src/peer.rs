//! A small HTTP/1.1 server that can also behave as a broken peer does: reset the connection, or never answer.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The longest head of a request.
const HEAD_LIMIT_BYTES: usize = 16_384;
/// The longest wait for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any client waits.
const NEVER: Duration = Duration::from_secs(3_600);

/// What the peer does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It answers, with this status and this JSON (or what it takes for JSON).
    Answer(u16, String),
    /// It resets the connection.
    Reset,
    /// It keeps the connection, and says nothing.
    Nothing,
}

/// A peer: what it does with each request, by method and path.
pub(crate) trait Peer: Send + Sync + 'static {
    /// What it does with this one.
    fn reply(&self, method: &str, path: &str) -> Reply;
}

/// Serves every connection, one request each, until the task is aborted; then the port refuses.
pub(crate) async fn serve(listener: TcpListener, peer: impl Peer + Clone) {
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            continue;
        };
        let peer = peer.clone();
        tokio::spawn(async move {
            // It is no error when a client goes away.
            let _ = exchange(connection, &peer).await;
        });
    }
}

async fn exchange(mut connection: TcpStream, peer: &impl Peer) -> std::io::Result<()> {
    let Ok(Some((method, path))) = tokio::time::timeout(HEAD_TIMEOUT, read_head(&mut connection)).await else {
        return Ok(());
    };
    match peer.reply(&method, &path) {
        Reply::Answer(status, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
                reason(status)
            );
            connection.write_all(head.as_bytes()).await?;
            connection.write_all(body.as_bytes()).await?;
            connection.shutdown().await
        }
        Reply::Reset => connection.set_zero_linger(),
        Reply::Nothing => {
            tokio::time::sleep(NEVER).await;
            Ok(())
        }
    }
}

/// Method and path; `None` when the client says something else or goes away. Bodies are not read: none is expected.
async fn read_head(connection: &mut TcpStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    let mut buffer = [0; 2_048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = connection.read(&mut buffer).await.ok()?;
        if read == 0 || head.len() > HEAD_LIMIT_BYTES {
            return None;
        }
        head.extend_from_slice(&buffer[..read]);
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next()?.split(' ');
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        404 => "Not Found",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpStream as Client};

    use super::*;

    #[derive(Clone)]
    struct Echo;

    impl Peer for Echo {
        fn reply(&self, method: &str, path: &str) -> Reply {
            match path {
                "/reset" => Reply::Reset,
                _ => Reply::Answer(200, format!("{method} {path}")),
            }
        }
    }

    fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
        let mut client = Client::connect(address)?;
        write!(client, "GET {path} HTTP/1.1\r\nHost: peer\r\n\r\n")?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_peer_answers_resets_and_refuses_when_it_is_gone() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(serve(listener, Echo));

        let answer = ask(address, "/stats").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nGET /stats"));
        let reset = ask(address, "/reset").expect_err("no answer");
        assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);

        server.abort();
        let _ = server.await;
        let refused = ask(address, "/stats").expect_err("no answer");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
