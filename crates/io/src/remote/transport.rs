//! From an address to a store, and the two things that object_store leaves to others: it heeds no
//! Retry-After, and it does not tell a server without ranges from one that is down.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectStore, RetryConfig};

use super::RemoteError;
use super::options::RemoteOptions;

/// The store and the path in it that an address names. Each request adds one to `requests`.
pub(super) fn connect(
    url: &str,
    options: &RemoteOptions,
    requests: &Arc<AtomicU64>,
) -> Result<(Box<dyn ObjectStore>, Path), RemoteError> {
    let fail = |why: String| RemoteError::Url { url: url.to_owned(), why };
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| fail("it has no scheme".to_owned()))?;
    let (host, path) = rest.split_once('/').ok_or_else(|| fail("it names no file".to_owned()))?;
    let retry = RetryConfig {
        backoff: object_store::BackoffConfig {
            init_backoff: options.pause_min,
            max_backoff: options.retry_time_max,
            base: 2.0,
        },
        max_retries: options.retries_max,
        retry_timeout: options.retry_time_max,
    };
    let client = ClientOptions::new()
        .with_timeout(options.attempt_timeout)
        .with_connect_timeout(options.attempt_timeout);
    let connector = Connector { requests: Arc::clone(requests), pause_max: options.retry_time_max };
    let store: Result<Box<dyn ObjectStore>, Error> = match scheme {
        "http" | "https" => HttpBuilder::new()
            .with_url(format!("{scheme}://{host}"))
            .with_client_options(client.with_allow_http(scheme == "http"))
            .with_http_connector(connector)
            .with_retry(retry)
            .build()
            .map(|store| Box::new(store) as Box<dyn ObjectStore>),
        "s3" => {
            // Whether plain HTTP is allowed is the environment's decision, like the endpoint.
            let allow = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|allow| allow == "true");
            AmazonS3Builder::from_env()
                .with_bucket_name(host)
                .with_client_options(client.with_allow_http(allow))
                .with_http_connector(connector)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as Box<dyn ObjectStore>)
        }
        other => return Err(fail(format!("nothing reads {other}://"))),
    };
    let store = store.map_err(|error| fail(error.to_string()))?;
    let path = Path::from_url_path(path).map_err(|error| fail(error.to_string()))?;
    Ok((store, path))
}

/// What a server answered to a range, if not with that range.
#[derive(Debug)]
pub(super) struct NotTheRange {
    /// Its status: 206 with another range, or 200 with all of the file.
    pub status: u16,
}

impl fmt::Display for NotTheRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another range than was asked for (status {})", self.status)
    }
}

impl std::error::Error for NotTheRange {}

#[derive(Debug)]
struct Connector {
    requests: Arc<AtomicU64>,
    pause_max: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        let requests = Arc::clone(&self.requests);
        Ok(HttpClient::new(Service { client, requests, pause_max: self.pause_max }))
    }
}

/// Between object_store's retries and the network.
#[derive(Debug)]
struct Service {
    client: HttpClient,
    requests: Arc<AtomicU64>,
    pause_max: Duration,
}

impl HttpService for Service {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let header = request.headers().get("range").and_then(|range| range.to_str().ok());
            let asked = header.and_then(|range| bounds(range.strip_prefix("bytes=")?));
            let response = self.client.execute(request).await?;
            let status = response.status().as_u16();
            let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
            match (status, asked) {
                (429 | 503, _) => {
                    if let Some(seconds) = header("retry-after").and_then(|s| s.parse().ok()) {
                        let pause = Duration::from_secs(seconds).min(self.pause_max);
                        tokio::time::sleep(pause).await;
                    }
                }
                (200, Some(_)) => return Err(refused(status)),
                (206, Some((first, last))) => {
                    let range = header("content-range").and_then(|r| r.strip_prefix("bytes "));
                    let got = range.and_then(|r| bounds(r.split_once('/')?.0));
                    // The file may end before what was asked for does.
                    if !got.is_some_and(|(start, end)| start == first && end <= last) {
                        return Err(refused(status));
                    }
                }
                _ => {}
            }
            Ok(response)
        })
    }
}

fn refused(status: u16) -> HttpError {
    // A kind that is not tried again: the server would answer the same.
    HttpError::new(HttpErrorKind::Unknown, NotTheRange { status })
}

/// `FIRST-LAST`.
fn bounds(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
