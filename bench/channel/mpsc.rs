// Moves n numbers from some producers to one consumer through
// std::sync::mpsc, and prints how many nanoseconds that took:
//
//     mpsc PRODUCERS N [CAPACITY]
use std::sync::mpsc::{channel, sync_channel, Receiver};
use std::sync::{Arc, Barrier};
use std::time::Instant;

fn run<S, F>(producers: u64, n: u64, tx: S, rx: Receiver<u64>, send: F)
where
    S: Clone + Send + 'static,
    F: Fn(&S, u64) + Copy + Send + 'static,
{
    let gate = Arc::new(Barrier::new(producers as usize + 1));
    let threads: Vec<_> = (0..producers)
        .map(|i| {
            let (tx, gate) = (tx.clone(), gate.clone());
            std::thread::spawn(move || {
                gate.wait();
                for v in 0..(n + i) / producers {
                    send(&tx, v);
                }
            })
        })
        .collect();
    drop(tx);
    let start = Instant::now();
    gate.wait();
    while rx.recv().is_ok() {}
    let took = start.elapsed();
    threads.into_iter().for_each(|t| t.join().unwrap());
    println!("{}", took.as_nanos());
}

fn main() {
    let args: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    match args.get(2) {
        None => {
            let (tx, rx) = channel();
            run(args[0], args[1], tx, rx, |tx, v| tx.send(v).unwrap());
        }
        Some(&capacity) => {
            let (tx, rx) = sync_channel(capacity as usize);
            run(args[0], args[1], tx, rx, |tx, v| tx.send(v).unwrap());
        }
    }
}
