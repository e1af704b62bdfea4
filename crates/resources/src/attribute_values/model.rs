use kernel::{AttributeId, AttributeValueId, CustomerId, Timestamp};

/// What is known of a customer under an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeValue {
    pub id: AttributeValueId,
    pub customer: CustomerId,
    pub attribute: AttributeId,
    /// A text, whatever the attribute's kind.
    pub value: String,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// What a request says: this customer has this value under this attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub customer: CustomerId,
    pub attribute: AttributeId,
    pub value: String,
}

/// The values of one customer as they are shown with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Embedded {
    /// How many there are.
    pub count: usize,
    /// The first of them, at most [`MOST_EMBEDDED`].
    pub values: Vec<AttributeValue>,
}

/// The most values shown with their customer, or made with it (published).
pub const MOST_EMBEDDED: usize = 10;

/// The most different customers whose values one request sets (published).
pub const MOST_CUSTOMERS: usize = 10;

impl Embedded {
    /// One more value of the customer.
    pub fn add(&mut self, value: AttributeValue) {
        self.count += 1;
        if self.values.len() < MOST_EMBEDDED {
            self.values.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_ten_are_counted_and_not_shown() {
        let mut embedded = Embedded::default();
        for id in 1..=12 {
            embedded.add(AttributeValue {
                id: AttributeValueId(id),
                customer: CustomerId(1),
                attribute: AttributeId(id),
                value: String::new(),
                created_at: Timestamp(0),
                modified_at: Timestamp(0),
            });
        }
        let shown: Vec<i64> = embedded.values.iter().map(|value| value.id.0).collect();
        assert_eq!((embedded.count, shown), (12, (1..=10).collect()));
    }
}
