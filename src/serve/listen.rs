//! Connections: so many at once, none of them for ever.

use super::answer::{self, Asking};
use super::auth::Access;
use super::body::Content;
use super::io::{Clock, Watched};
use super::media::Site;
use crate::error::{Error, Kind, Result};
use bytes::{Bytes, BytesMut};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

/// What clients may ask of the server.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at once; others wait.
    pub connections: usize,
    /// How long a client may take for the head of a request, and how long it may be idle before one.
    pub head: Duration,
    /// How long it may take nothing while it is being sent something.
    pub stalled: Duration,
    /// Bytes of the head of a request.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub fields: usize,
    /// Bytes of the body of a request.
    pub body_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 2048,
            head: Duration::from_secs(20),
            stalled: Duration::from_secs(60),
            head_bytes: 32 << 10,
            fields: 64,
            body_bytes: 64 << 10,
        }
    }
}

/// How to serve.
pub(super) struct Server {
    pub(super) site: Arc<Site>,
    pub(super) access: Option<Access>,
    /// Only this machine reaches it.
    pub(super) is_local: bool,
    bounds: Bounds,
}

impl Server {
    /// Without a listener.
    pub(super) fn alone(site: &Arc<Site>, access: Option<Access>) -> Self {
        Self { site: site.clone(), access, is_local: false, bounds: Bounds::default() }
    }
}

/// What makes a connection private.
#[cfg(feature = "tls")]
pub type Secured = Option<super::tls::Tls>;
/// Without the feature `tls` nothing does.
#[cfg(not(feature = "tls"))]
pub type Secured = Option<Infallible>;

/// Serves until `stop` says so; it is asked ten times a second. Requests that are being answered then are cut off.
///
/// # Errors
/// What the operating system said of the listener.
pub fn listen(
    site: &Arc<Site>,
    listener: TcpListener,
    access: Option<Access>,
    tls: Secured,
    bounds: Bounds,
    stop: &dyn Fn() -> bool,
) -> Result<()> {
    more_files();
    let is_local = listener.local_addr()?.ip().is_loopback();
    let server = Arc::new(Server { site: site.clone(), access, is_local, bounds });
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("serve")
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Error::from(error).during("threads that serve"))?;
    let outcome = runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let accepting = tokio::spawn(accept(listener, server, Arc::new(tls)));
        while !stop() && !accepting.is_finished() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        accepting.abort();
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

/// A connection is an open file, and a thousand of them are more than a process may have by default.
fn more_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        const WANTED: u64 = 8192;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current.is_some_and(|current| current < WANTED) {
            let current = Some(maximum.map_or(WANTED, |most| most.min(WANTED)));
            // With fewer, connections wait for one another.
            let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, server: Arc<Server>, tls: Arc<Secured>) {
    let places = Arc::new(Semaphore::new(server.bounds.connections));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Too many open files, or a client that has gone again: neither is a reason to end.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (server, tls) = (server.clone(), tls.clone());
        tokio::spawn(async move {
            match &*tls {
                None => connection(server, stream).await,
                #[cfg(feature = "tls")]
                Some(tls) => {
                    let shaken = tokio::time::timeout(server.bounds.head, tls.accept(stream)).await;
                    if let Ok(Ok(stream)) = shaken {
                        connection(server, stream).await;
                    }
                }
                #[cfg(not(feature = "tls"))]
                Some(never) => match *never {},
            }
            drop(place);
        });
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(server: Arc<Server>, stream: S) {
    let bounds = server.bounds.clone();
    let service = service_fn(move |request| respond(server.clone(), request));
    let stream = Watched::new(stream, bounds.stalled);
    // How a connection ends is the client's business.
    let _ = http1::Builder::new()
        .timer(Clock)
        .header_read_timeout(bounds.head)
        .max_buf_size(bounds.head_bytes)
        .max_headers(bounds.fields)
        .serve_connection(stream, service)
        .await;
}

async fn respond(server: Arc<Server>, request: Request<Incoming>) -> Result<Response<Content>, Infallible> {
    let (head, body) = request.into_parts();
    let body = if head.method == Method::from_bytes(b"PROPFIND").unwrap_or_default() {
        let reading = tokio::time::timeout(server.bounds.head, read(body, server.bounds.body_bytes));
        match reading.await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) | Err(_) => return Ok(answer::too_large()),
        }
    } else {
        Bytes::new()
    };
    let asking = Asking { method: head.method, uri: head.uri, headers: head.headers, body };
    let answering = tokio::task::spawn_blocking(move || answer::answer(&server, &asking));
    Ok(answering.await.unwrap_or_else(|_| answer::failed(&Error::damaged("answer to a request"))))
}

/// The whole body of a request.
async fn read(mut body: Incoming, most: usize) -> Result<Bytes> {
    let mut out = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Error::new(Kind::Cancelled))?;
        let Ok(data) = frame.into_data() else { continue };
        if out.len().saturating_add(data.len()) > most {
            return Err(Error::limit("bytes in the body of a request", most as u64));
        }
        out.extend_from_slice(&data);
    }
    Ok(out.freeze())
}
