//! What is to become of each payment.

/// What the customer does with one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customer {
    Approves,
    Rejects,
    /// Until the time is over.
    Waits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Capture,
    Refund,
    Cancel,
}

impl Verb {
    pub fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Cancel => "cancel",
        }
    }
}

/// What the merchant does. `amount`: `None` is what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    pub verb: Verb,
    pub amount: Option<i64>,
    /// In Vipps' portal, so that nobody tells kasse.
    pub portal: bool,
}

/// Where it comes to rest. Amounts are in øre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// As `/v1` says it.
    pub state: &'static str,
    pub authorised: i64,
    /// Each one, in no order.
    pub captures: Vec<i64>,
    pub refunds: Vec<i64>,
    pub released: i64,
}

/// A payment's way. Those of one step are done at the same time, by different people.
#[derive(Debug, Clone)]
pub struct Plan {
    pub number: usize,
    pub amount: i64,
    pub customer: Vec<Customer>,
    pub steps: Vec<Vec<Act>>,
    pub end: End,
}

fn act(verb: Verb, amount: Option<i64>) -> Act {
    Act {
        verb,
        amount,
        portal: false,
    }
}

fn capture(amount: i64) -> Act {
    act(Verb::Capture, Some(amount))
}

fn refund(amount: i64) -> Act {
    act(Verb::Refund, Some(amount))
}

const CAPTURE_ALL: Act = Act {
    verb: Verb::Capture,
    amount: None,
    portal: false,
};
const CANCEL: Act = Act {
    verb: Verb::Cancel,
    amount: None,
    portal: false,
};
const IN_PORTAL: Act = Act {
    portal: true,
    ..CAPTURE_ALL
};

impl Plan {
    /// Each kind in turn. No two parts of a payment are alike: who asks for what is under way joins
    /// it, and two clerks who mean the same are one.
    pub fn of(number: usize) -> Self {
        let odd = i64::try_from(number % 997).unwrap();
        let amount = 100_000 + 7 * odd;
        let (one, other) = (30_000 + odd, 20_000 - odd);
        let rest = amount - one - other;
        use Customer::{Approves, Rejects, Waits};
        let (customer, steps, captures, refunds) = match number % 11 {
            0 => (
                vec![Approves],
                vec![vec![CAPTURE_ALL]],
                vec![amount],
                vec![],
            ),
            1 => (
                vec![Approves],
                vec![
                    vec![capture(one)],
                    vec![capture(amount - one)],
                    vec![refund(other)],
                ],
                vec![one, amount - one],
                vec![other],
            ),
            2 => (
                vec![Approves],
                vec![vec![capture(one)], vec![CANCEL]],
                vec![one],
                vec![],
            ),
            3 => (vec![Approves], vec![vec![CANCEL]], vec![], vec![]),
            4 => (vec![Rejects], vec![], vec![], vec![]),
            5 => (vec![Waits], vec![], vec![], vec![]),
            6 => (
                vec![Rejects, Approves],
                vec![vec![CAPTURE_ALL]],
                vec![amount],
                vec![],
            ),
            7 => (
                vec![Approves],
                vec![vec![CAPTURE_ALL], vec![refund(one), refund(amount - one)]],
                vec![amount],
                vec![one, amount - one],
            ),
            8 => (vec![Approves], vec![], vec![], vec![]),
            9 => (
                vec![Approves],
                vec![
                    vec![capture(one), capture(other)],
                    vec![refund(other), CANCEL],
                ],
                vec![one, other],
                vec![other],
            ),
            _ => (vec![Approves], vec![vec![IN_PORTAL]], vec![amount], vec![]),
        };
        let state = match customer.last() {
            Some(Approves) => "authorised",
            Some(Rejects) => "rejected",
            _ => "expired",
        };
        let authorised = if state == "authorised" { amount } else { 0 };
        let cancels = steps.iter().flatten().any(|act| act.verb == Verb::Cancel);
        let captured: i64 = captures.iter().sum();
        debug_assert!(rest > 0);
        Self {
            number,
            amount,
            customer,
            steps,
            end: End {
                state,
                authorised,
                released: if cancels { authorised - captured } else { 0 },
                captures,
                refunds,
            },
        }
    }
}
