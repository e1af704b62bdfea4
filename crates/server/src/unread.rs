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

/// Read what is left, within bounds; past them the connection is closed, as it would have been without.
pub(crate) async fn finish<B>(unread: Option<Shared<B>>)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let Some(mut body) = unread else { return };
    if body.is_end_stream() || body.size_hint().lower() > MOST {
        return;
    }
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > MOST {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, rest).await;
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

/// As much as the longest body that is read by default.
const MOST: u64 = 1 << 20;

/// How long the rest may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);
