//! Many requests at once, on one thread.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Exchanges that are under way at the same time: as many as HTTP/2 servers allow by default
/// (RFC 9113 section 6.5.2). Connections have a limit of their own.
const AT_ONCE: usize = 100;

/// Does `work` for each item, the first [`AT_ONCE`] at once and each other one as soon as one is done.
pub(crate) async fn each<T, F: Future<Output = ()>>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> F) {
    let items = RefCell::new(items.into_iter().fuse());
    let worker = || async {
        loop {
            // A statement of its own: the borrow must not last over the wait.
            let item = items.borrow_mut().next();
            match item {
                Some(item) => work(item).await,
                None => return,
            }
        }
    };
    let workers = items.borrow().size_hint().1.map_or(AT_ONCE, |most| most.min(AT_ONCE));
    all((0..workers).map(|_| Box::pin(worker()) as Task<'_>).collect()).await;
}

/// The same, with what each comes to; in the order of the items.
pub(crate) async fn gather<T, R, F: Future<Output = R>>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> F,
) -> Vec<R> {
    let items = items.into_iter();
    let (work, done) = (&work, &RefCell::new(Vec::with_capacity(items.size_hint().0)));
    each(items.enumerate(), |(at, item)| async move {
        // Taken up in the order of the items, so that the place of each is there before any of them is done.
        done.borrow_mut().push(None);
        let result = work(item).await;
        done.borrow_mut()[at] = Some(result);
    })
    .await;
    done.take().into_iter().flatten().collect()
}

/// Of one type whatever they do, so that what drives them is compiled once.
pub(crate) type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// All of them, in this order at first, then each whenever it can go on.
pub(crate) async fn all(tasks: Vec<Task<'_>>) {
    struct Slot<'a> {
        task: Task<'a>,
        woken: Arc<Woken>,
        waker: Waker,
    }
    let slot = |task| {
        let woken = Arc::new(Woken { is: AtomicBool::new(true), whole: Mutex::new(Waker::noop().clone()) });
        Slot { task, waker: Arc::clone(&woken).into(), woken }
    };
    let mut slots: Vec<Slot<'_>> = tasks.into_iter().map(slot).collect();
    poll_fn(|context| {
        slots.retain_mut(|slot| {
            slot.woken.whole.lock().unwrap_or_else(PoisonError::into_inner).clone_from(context.waker());
            let is_woken = slot.woken.is.swap(false, Ordering::AcqRel);
            !is_woken || slot.task.as_mut().poll(&mut Context::from_waker(&slot.waker)).is_pending()
        });
        if slots.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Tells which of many was woken, and wakes the whole.
struct Woken {
    is: AtomicBool,
    whole: Mutex<Waker>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is.store(true, Ordering::Release);
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;
    use std::cell::Cell;

    #[test]
    fn each_item_is_worked_on_once_and_never_too_many_at_once() {
        let (running, most, done) = (Cell::new(0), Cell::new(0), RefCell::new(Vec::new()));
        let (running, most, done) = (&running, &most, &done);
        run(each(0..1000, |item| async move {
            running.set(running.get() + 1);
            most.set(running.get().max(most.get()));
            for _ in 0..item % 7 {
                tokio::task::yield_now().await;
            }
            running.set(running.get() - 1);
            done.borrow_mut().push(item);
        }));
        let mut done = done.take();
        done.sort_unstable();
        assert!(done.into_iter().eq(0..1000));
        assert_eq!(most.get(), AT_ONCE);
    }

    #[test]
    fn what_is_gathered_has_the_order_of_the_items_whichever_is_done_first() {
        let running = Cell::new(0);
        let running = &running;
        let mut gathered = Vec::new();
        run(async {
            gathered = gather(0..300, |item| async move {
                running.set(running.get() + 1);
                let at_once = running.get();
                for _ in 0..(300 - item) % 7 {
                    tokio::task::yield_now().await;
                }
                running.set(running.get() - 1);
                (item, at_once)
            })
            .await;
        });
        assert!(gathered.iter().map(|(item, _)| *item).eq(0..300));
        assert_eq!(gathered.iter().map(|(_, at_once)| *at_once).max(), Some(AT_ONCE));
    }

    #[test]
    fn nothing_to_do_is_done_at_once() {
        run(each(Vec::<u8>::new(), |_| async {}));
    }

    #[test]
    fn only_what_was_woken_is_looked_at() {
        let looks = Cell::new(0);
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let sender = RefCell::new(Some(sender));
        let receiver = RefCell::new(Some(receiver));
        let (looks, sender, receiver) = (&looks, &sender, &receiver);
        run(each(0..2, |item| async move {
            if item == 0 {
                let mut receiver = Box::pin(receiver.take().unwrap());
                poll_fn(|context| {
                    looks.set(looks.get() + 1);
                    receiver.as_mut().poll(context)
                })
                .await
                .unwrap();
            } else {
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                sender.take().unwrap().send(()).unwrap();
            }
        }));
        assert_eq!(looks.get(), 2);
    }
}
