use std::collections::{BTreeMap, BTreeSet};

use kernel::{GroupId, Money, Part, StoreId, fold};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, Value, WriteTx, Writes, containing};

use super::model::{CategoryAccess, Discount, Group, Method, Rule};
use crate::customers::filter::Span;

/// Which groups are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub id: Option<GroupId>,
    /// As written.
    pub name: Option<String>,
    /// A part of the name, folded.
    pub name_part: Option<String>,
    pub is_default: Option<bool>,
    pub is_for_guests: Option<bool>,
    pub created: Span,
    pub modified: Span,
}

impl Filter {
    /// Whether a few pages of an index answer it, however many groups there are.
    #[must_use]
    pub fn is_short(&self) -> bool {
        let narrows_otherwise = Self { id: None, name: None, ..self.clone() } != Self::default();
        self.id.is_some() || self.name.is_some() || !narrows_otherwise
    }
}

/// The group of this id. A writer holds the store's counter of groups.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: GroupId) -> Result<Option<Group>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND customer_group_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// Some of the groups that match, in the order of their ids.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Result<Vec<Group>> {
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    narrowed(query, filter).push(" ORDER BY customer_group_id").push_part(part).fetch_all().await
}

/// How many match.
pub async fn count(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    let query = tx.query("SELECT COUNT(*) FROM customer_group WHERE store_id = $1").bind(store);
    let (count,) = narrowed(query, filter).fetch_one().await?;
    Ok(count)
}

/// Those of these ids that are groups of the store. Whoever relies on it shares the counter of groups.
pub async fn known(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &BTreeSet<GroupId>,
) -> Result<BTreeSet<GroupId>> {
    let known: Vec<(GroupId,)> = tx
        .query("SELECT customer_group_id FROM customer_group WHERE store_id = $1 AND customer_group_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .fetch_all()
        .await?;
    Ok(known.into_iter().map(|(id,)| id).collect())
}

/// The group that new customers join, if there is one.
pub async fn default(tx: &mut ReadTx, store: StoreId) -> Result<Option<GroupId>> {
    let id: Option<(GroupId,)> = tx
        .query("SELECT customer_group_id FROM customer_group WHERE store_id = $1 AND is_default")
        .bind(store)
        .fetch_optional()
        .await?;
    Ok(id.map(|(id,)| id))
}

/// The store's default group and the one for guests, by their ids.
pub async fn singular(tx: &mut ReadTx, store: StoreId) -> Result<BTreeMap<GroupId, Group>> {
    // Two statements, each served by its own index.
    let default: Option<Group> = tx
        .query(SELECT)
        .push("WHERE store_id = $1 AND is_default")
        .bind(store)
        .fetch_optional()
        .await?;
    let guests: Option<Group> = tx
        .query(SELECT)
        .push("WHERE store_id = $1 AND is_group_for_guests")
        .bind(store)
        .fetch_optional()
        .await?;
    Ok(default.into_iter().chain(guests).map(|group| (group.id, group)).collect())
}

/// Add a group.
pub async fn insert(tx: &mut WriteTx, store: StoreId, group: &Group) -> Result<()> {
    let query = tx.query(
        "INSERT INTO customer_group
             (store_id, customer_group_id, name, name_key, is_default, is_group_for_guests, category_access,
              discount_rules, date_modified, date_created)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    );
    with_fields(query, store, group).bind(group.created_at).execute().await?;
    Ok(())
}

/// Write a group's fields anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, group: &Group) -> Result<()> {
    let query = tx.query(
        "UPDATE customer_group SET name = $3, name_key = $4, is_default = $5, is_group_for_guests = $6,
             category_access = $7, discount_rules = $8, date_modified = $9
         WHERE store_id = $1 AND customer_group_id = $2",
    );
    with_fields(query, store, group).execute().await?;
    Ok(())
}

/// Bind `$1` to `$9`: the key, and what can be changed.
fn with_fields<'t>(query: Query<'t, Writes>, store: StoreId, group: &Group) -> Query<'t, Writes> {
    query
        .bind(store)
        .bind(group.id)
        .bind(group.name.as_str())
        .bind(fold(&group.name))
        .bind(group.is_default)
        .bind(group.is_for_guests)
        .bind(group.access.clone())
        .bind(Rules(group.rules.clone()))
        .bind(group.modified_at)
}

/// Remove a group.
pub async fn delete(tx: &mut WriteTx, store: StoreId, id: GroupId) -> Result<()> {
    tx.query("DELETE FROM customer_group WHERE store_id = $1 AND customer_group_id = $2")
        .bind(store)
        .bind(id)
        .execute()
        .await?;
    Ok(())
}

/// What a [`Group`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT customer_group_id, name, is_default, is_group_for_guests, category_access, discount_rules,
           date_created, date_modified
    FROM customer_group ";

/// The clauses of a filter, each there only when the filter has it.
fn narrowed<'t>(mut query: Query<'t, Reads>, filter: &Filter) -> Query<'t, Reads> {
    if let Some(id) = filter.id {
        query = query.push(" AND customer_group_id = ").push_bind(id);
    }
    if let Some(name) = &filter.name {
        query = query.push(" AND name = ").push_bind(name.as_str());
    }
    if let Some(part) = &filter.name_part {
        query = query.push(" AND name_key LIKE ").push_bind(containing(part)).push(" ESCAPE '\\'");
    }
    if let Some(is_default) = filter.is_default {
        query = query.push(if is_default { " AND is_default" } else { " AND NOT is_default" });
    }
    if let Some(is_for_guests) = filter.is_for_guests {
        let clause =
            if is_for_guests { " AND is_group_for_guests" } else { " AND NOT is_group_for_guests" };
        query = query.push(clause);
    }
    for (least, most, span) in [
        (" AND date_created >= ", " AND date_created <= ", filter.created),
        (" AND date_modified >= ", " AND date_modified <= ", filter.modified),
    ] {
        if let Some(from) = span.from {
            query = query.push(least).push_bind(from);
        }
        if let Some(to) = span.to {
            query = query.push(most).push_bind(to);
        }
    }
    query
}

impl FromRow for Group {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("customer_group_id")?,
            name: row.get("name")?,
            is_default: row.get("is_default")?,
            is_for_guests: row.get("is_group_for_guests")?,
            access: row.get("category_access")?,
            rules: row.get::<Rules>("discount_rules")?.0,
            created_at: row.get("date_created")?,
            modified_at: row.get("date_modified")?,
        })
    }
}

/// Stored as a word, and the ids that belong to it, separated by spaces.
impl Value for CategoryAccess {
    type Repr = String;

    fn into_repr(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::None => "none".to_owned(),
            Self::Specific(ids) => {
                ids.iter().fold("specific".to_owned(), |text, id| format!("{text} {id}"))
            }
        }
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        let mut words = repr.split(' ');
        match words.next() {
            Some("all") => Ok(Self::All),
            Some("none") => Ok(Self::None),
            Some("specific") => {
                let ids: Result<_, _> = words.map(str::parse).collect();
                ids.map(Self::Specific).map_err(|_| "not a list of ids".to_owned())
            }
            _ => Err("no such access".to_owned()),
        }
    }
}

/// A rule a line.
struct Rules(Vec<Rule>);

impl Value for Rules {
    type Repr = String;

    fn into_repr(self) -> String {
        self.0.into_iter().map(written).collect::<Vec<_>>().join("\n")
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        let rules: Option<_> = repr.lines().map(read).collect();
        rules.map(Self).ok_or_else(|| "not a list of rules".to_owned())
    }
}

fn written(rule: Rule) -> String {
    let discounted =
        |Discount { method, amount }: Discount| format!("{} {}", method.name(), amount.0);
    match rule {
        Rule::PriceList(id) => format!("price_list {id}"),
        Rule::All(None) => "all".to_owned(),
        Rule::All(Some(discount)) => format!("all {}", discounted(discount)),
        Rule::Category(id, discount) => format!("category {id} {}", discounted(discount)),
        Rule::Product(id, discount) => format!("product {id} {}", discounted(discount)),
    }
}

fn read(line: &str) -> Option<Rule> {
    let words: Vec<&str> = line.split(' ').collect();
    let discount = |method: &str, amount: &str| {
        Some(Discount { method: Method::named(method)?, amount: Money(amount.parse().ok()?) })
    };
    match words[..] {
        ["price_list", id] => Some(Rule::PriceList(id.parse().ok()?)),
        ["all"] => Some(Rule::All(None)),
        ["all", method, amount] => Some(Rule::All(Some(discount(method, amount)?))),
        ["category", id, method, amount] => {
            Some(Rule::Category(id.parse().ok()?, discount(method, amount)?))
        }
        ["product", id, method, amount] => {
            Some(Rule::Product(id.parse().ok()?, discount(method, amount)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let discount = Discount { method: Method::Fixed, amount: Money(120_000) };
        let rules = vec![
            Rule::PriceList(3),
            Rule::All(None),
            Rule::All(Some(discount)),
            Rule::Category(30, discount),
            Rule::Product(4, discount),
        ];
        let text = Rules(rules.clone()).into_repr();
        assert_eq!(Rules::from_repr(text).unwrap().0, rules);
        assert_eq!(Rules::from_repr(String::new()).unwrap().0, []);
        assert!(Rules::from_repr("all percent".to_owned()).is_err());
        let specific = |ids: &[i64]| CategoryAccess::Specific(ids.iter().copied().collect());
        for access in
            [CategoryAccess::All, CategoryAccess::None, specific(&[]), specific(&[18, 19])]
        {
            assert_eq!(CategoryAccess::from_repr(access.clone().into_repr()), Ok(access));
        }
    }
}
