//! What a refusal left unread of a request's body is read before the refusal is given. Else the connection
//! would be closed under a caller who is still sending, and who then hears of that and not of the refusal.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    http::{Request, header::EXPECT},
};
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

/// A body that a handler reads from, and of which the rest can be read afterwards.
pub(crate) struct Shared<B>(Arc<Mutex<B>>);

/// The request with its body shared; nothing to share where there is none, or where the caller waits to be told
/// to send it and so hears of a refusal in any case.
pub(crate) fn keep<B>(request: Request<B>) -> (Request<Body>, Option<Shared<B>>)
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return (request.map(Body::new), None);
    }
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    let request = Request::from_parts(parts, Body::new(Shared(Arc::clone(&body))));
    (request, Some(Shared(body)))
}

/// Read what is left and throw it away, as long as it keeps coming and within bounds. Past them the connection is
/// closed, as it would have been without.
pub(crate) async fn finish<B>(unread: Option<Shared<B>>)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let Some(mut body) = unread.filter(|body| !body.is_end_stream()) else { return };
    let rest = async {
        let mut read = 0;
        while read <= MOST {
            let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let Ok(Some(Ok(frame))) = timeout(PAUSE, next).await else { return };
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    let _ = timeout(PATIENCE, rest).await;
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Shared<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

/// How much is read, in bytes: well above the longest body that any operation takes.
const MOST: usize = 16 << 20;

/// How long the caller may pause. Whoever sends nothing more is answered after it.
const PAUSE: Duration = Duration::from_millis(500);

/// How long the whole may take.
const PATIENCE: Duration = Duration::from_secs(5);
