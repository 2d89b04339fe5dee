//! When a request is made again: how long to wait first, and when to give up.

use super::Deadline;
use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant, SystemTime};

/// The first wait is at most this long, each further one at most twice as long as the one before.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// Whether the same request may succeed in a moment.
pub(super) fn is_transient(status: StatusCode) -> bool {
    let is_final = [StatusCode::NOT_IMPLEMENTED, StatusCode::HTTP_VERSION_NOT_SUPPORTED];
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() && !is_final.contains(&status)
}

/// The tries of one request.
pub(super) struct Tries<'a> {
    deadline: &'a Deadline,
    left: u32,
    longest: Duration,
}

impl<'a> Tries<'a> {
    pub(super) fn new(deadline: &'a Deadline, retries: u32) -> Self {
        Self { deadline, left: retries, longest: FIRST }
    }

    /// Waits for the next try; false where there is none.
    ///
    /// A server that says when to come is taken at its word: that try costs none of ours, since the
    /// deadline bounds how often it can say so. With many launches at once all would come back in
    /// the same moment, so each adds something of its own.
    pub(super) async fn another(&mut self, asked: Option<Duration>) -> bool {
        let wait = match asked {
            Some(asked) => asked.saturating_add(jitter(asked.clamp(FIRST, LONGEST))),
            None if self.left == 0 => return false,
            None => {
                self.left -= 1;
                let longest = self.longest;
                self.longest = (2 * longest).min(LONGEST);
                jitter(longest)
            }
        };
        match Instant::now().checked_add(wait) {
            Some(at) if at < self.deadline.at => tokio::time::sleep_until(at.into()).await,
            _ => return false,
        }
        true
    }
}

/// Any time up to `longest` (full jitter). It only has to differ between processes: std's hashes
/// are seeded by the kernel.
fn jitter(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) >> 32;
    longest.mul_f64(random as f64 / f64::from(u32::MAX))
}

/// Retry-After in either form (RFC 9110 section 10.2.3); what is neither is as good as none.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds are more than anybody waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_every_form_of_date() {
        assert_eq!(after("0"), Some(0));
        assert_eq!(after("120"), Some(120));
        assert_eq!(after("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(after("Sunday, 06-Nov-94 08:49:47 GMT"), Some(10));
        assert_eq!(after("Sun Nov  6 08:49:47 1994"), Some(10));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for neither in ["", "-1", "1.5", "soon", "1 second"] {
            assert_eq!(after(neither), None, "{neither}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let transient: Vec<u16> =
            (100..600).filter(|&code| is_transient(StatusCode::from_u16(code).unwrap())).collect();
        let expected: Vec<u16> =
            [429].into_iter().chain((500..600).filter(|code| ![501, 505].contains(code))).collect();
        assert_eq!(transient, expected);
    }

    #[test]
    fn jitter_takes_the_whole_range_and_never_more() {
        let longest = Duration::from_secs(1);
        let waits: Vec<Duration> = (0..1000).map(|_| jitter(longest)).collect();
        assert!(waits.iter().all(|wait| *wait <= longest));
        assert!(waits.iter().any(|wait| *wait < longest / 4) && waits.iter().any(|wait| *wait > longest * 3 / 4));
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_not_begun() {
        let deadline = Deadline::in_test(Duration::from_secs(60));
        let mut tries = Tries::new(&deadline, 3);
        assert!(!super::super::tests::run(tries.another(Some(Duration::from_secs(61)))));
        assert!(!super::super::tests::run(tries.another(Some(Duration::from_secs(u64::MAX)))));
    }

    #[test]
    fn a_server_that_says_when_costs_no_try() {
        let deadline = Deadline::in_test(Duration::from_secs(60));
        let mut tries = Tries::new(&deadline, 1);
        super::super::tests::run(async {
            for _ in 0..3 {
                assert!(tries.another(Some(Duration::ZERO)).await);
            }
            assert!(tries.another(None).await);
            assert!(!tries.another(None).await);
        });
    }
}
