//! The V3 list: filters, orders, pages by number and by cursor.

use serde_json::{Value, json};
use testkit::{Answer, Service, on_each_engine};

use crate::shows;

const ALL: &str = "/v3/customers";
const SORTS: [&str; 7] = [
    "",
    "date_created:asc",
    "date_created:desc",
    "date_modified:asc",
    "date_modified:desc",
    "last_name:asc",
    "last_name:desc",
];

/// Thirteen customers in ties of every kind: four at a time made in one second, changed in threes, two last
/// names in three spellings.
async fn tied(service: &Service) {
    let names = ["berg", "Berg", "BERG", "Ånd", "ånd", "Zola", "a"];
    for n in 0..13_usize {
        service.set_seconds(i64::try_from(n / 4).unwrap());
        let row = json!({"email": format!("p{n}@example.com"), "first_name": format!("F{n}"), "last_name": names[n % names.len()]});
        service.made(json!([row])).await;
    }
    for n in (1..=13_i64).rev() {
        service.set_seconds(100 + n / 3);
        service.put("modify", ALL, json!([{"id": n, "company": "Changed"}])).await;
    }
    service.set_seconds(1000);
}

/// What the order must be, worked out here from the whole list.
fn in_order(rows: &[Value], sort: &str) -> Vec<i64> {
    let (key, direction) = sort.split_once(':').unwrap_or(("id", "desc"));
    let mut rows: Vec<(String, i64)> = rows
        .iter()
        .map(|row| {
            (row[key].as_str().unwrap_or_default().to_lowercase(), row["id"].as_i64().unwrap())
        })
        .collect();
    rows.sort();
    if direction == "desc" {
        rows.reverse();
    }
    rows.into_iter().map(|(_, id)| id).collect()
}

fn query(sort: &str) -> String {
    if sort.is_empty() { String::new() } else { format!("sort={sort}&") }
}

fn link<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body["meta"]["cursor_pagination"]["links"][name].as_str()
}

async fn list(service: &Service, query: &str) -> Answer {
    let answer = service.get("read", &format!("{ALL}{query}")).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer
}

on_each_engine! {
    async fn an_empty_list_has_one_page_and_no_cursors(service: Service) {
        let answer = service.get("read", ALL).await;
        shows(&answer, "empty");
        // observed.md 6, recorded in 2020, before there were cursors.
        let pagination =
            json!({"total": 0, "count": 0, "per_page": 50, "current_page": 1, "total_pages": 1});
        assert_eq!(answer.json()["meta"]["pagination"], pagination);
        assert_eq!(answer.json()["data"], json!([]));
        assert_eq!(
            answer.json()["meta"]["cursor_pagination"],
            json!({"count": 0, "per_page": 50, "links": {}})
        );
    }

    async fn without_an_order_the_newest_id_comes_first(service: Service) {
        service.crowd(3).await;
        assert_eq!(list(&service, "").await.ids(), [3, 2, 1]);
    }

    /// observed.md 6: both blocks on the first page, `links` `{}` where it is the only one.
    async fn a_single_page_has_both_blocks_and_no_links(service: Service) {
        service.crowd(2).await;
        let meta = list(&service, "").await.json()["meta"].to_string();
        let expected = json!({
            "pagination": {"total": 2, "count": 2, "per_page": 50, "current_page": 1, "total_pages": 1},
            "cursor_pagination": {"count": 2, "per_page": 50, "start_cursor": "eyJpZCI6Mn0", "end_cursor": "eyJpZCI6MX0", "links": {}},
        });
        assert_eq!(meta, expected.to_string());
    }

    async fn the_first_page_of_several_links_to_the_next(service: Service) {
        service.crowd(5).await;
        let answer = service.get("read", "/v3/customers?limit=2&email:in=c1%40example.com,c2@example.com,c3@example.com&page=1").await;
        shows(&answer, "first page");
        assert_eq!(
            link(&answer.json(), "next"),
            Some(
                "?limit=2&email:in=c1%40example.com,c2@example.com,c3@example.com&after=eyJpZCI6Mn0"
            )
        );
        assert_eq!(link(&answer.json(), "previous"), None);
    }

    async fn a_later_page_has_only_the_numbers(service: Service) {
        service.crowd(5).await;
        let answer = list(&service, "?limit=2&page=2").await;
        shows(&answer, "second page");
        let meta = json!({"pagination": {"total": 5, "count": 2, "per_page": 2, "current_page": 2, "total_pages": 3}});
        assert_eq!(answer.json()["meta"], meta);
    }

    async fn with_a_cursor_there_are_only_cursors_and_the_page_is_ignored(service: Service) {
        service.crowd(5).await;
        let answer = list(&service, "?limit=2&page=7&after=eyJpZCI6NH0").await;
        shows(&answer, "after a cursor");
        assert_eq!(answer.ids(), [3, 2]);
        let body = answer.json();
        assert_eq!(
            body["meta"].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["cursor_pagination"]
        );
        assert_eq!(link(&body, "next"), Some("?limit=2&after=eyJpZCI6Mn0"));
        assert_eq!(link(&body, "previous"), Some("?limit=2&before=eyJpZCI6M30"));
    }

    /// Ruling 11.
    async fn a_page_past_the_end_is_empty_and_says_its_number(service: Service) {
        service.crowd(2).await;
        for page in ["3", "2147483647", "1000000000000"] {
            let body = list(&service, &format!("?limit=1&page={page}")).await.json();
            assert_eq!(body["data"], json!([]));
            assert_eq!(body["meta"]["pagination"]["current_page"].to_string(), page);
            assert_eq!(body["meta"]["pagination"]["total_pages"], 2);
        }
    }

    /// Ruling 10.
    async fn a_limit_above_250_is_250_and_one_that_is_no_positive_integer_is_422(service: Service) {
        service.crowd(1).await;
        for (limit, taken) in
            [("1", 1), ("250", 250), ("251", 250), ("100000", 250), ("99999999999999999999", 250)]
        {
            let body = list(&service, &format!("?limit={limit}")).await.json();
            assert_eq!(body["meta"]["pagination"]["per_page"], taken);
            assert_eq!(body["meta"]["cursor_pagination"]["per_page"], taken);
        }
        for not in [
            "limit=0",
            "limit=-1",
            "limit=ten",
            "limit=",
            "limit=1.5",
            "page=0",
            "page=-1",
            "page=x",
            "page=",
        ] {
            assert_eq!(service.get("read", &format!("{ALL}?{not}")).await.status, 422, "{not}");
        }
        shows(&service.get("read", "/v3/customers?limit=0").await, "limit of nothing");
    }

    async fn every_order_breaks_ties_by_id_and_last_names_are_ordered_without_case(
        service: Service,
    ) {
        tied(&service).await;
        let rows = list(&service, "").await.json()["data"].as_array().unwrap().clone();
        for sort in SORTS {
            let listed = list(&service, &format!("?{}limit=250", query(sort))).await.ids();
            assert_eq!(listed, in_order(&rows, sort), "{sort}");
        }
    }

    async fn pages_by_number_walk_through_every_order_to_the_end(service: Service) {
        tied(&service).await;
        for sort in SORTS {
            let whole = list(&service, &format!("?{}limit=250", query(sort))).await.ids();
            let mut walked = Vec::new();
            for page in 1..=4 {
                walked.extend(
                    list(&service, &format!("?{}limit=4&page={page}", query(sort))).await.ids(),
                );
            }
            assert_eq!(walked, whole, "{sort}");
            assert_eq!(whole.len(), 13);
        }
    }

    async fn cursors_walk_through_every_order_to_the_end_and_back(service: Service) {
        tied(&service).await;
        for sort in SORTS {
            for limit in [1, 2, 3, 5, 13, 50] {
                let whole = list(&service, &format!("?{}limit=250", query(sort))).await.ids();
                let mut query = format!("?{}limit={limit}", query(sort));
                let mut forth = Vec::new();
                let mut last = Vec::new();
                loop {
                    let page = list(&service, &query).await;
                    last = if page.ids().is_empty() { last } else { page.ids() };
                    forth.extend(page.ids());
                    assert!(page.ids().len() <= limit && forth.len() <= 13, "{page}");
                    match link(&page.json(), "next") {
                        Some(next) => next.clone_into(&mut query),
                        None => break,
                    }
                }
                assert_eq!(forth, whole, "forth: {sort} by {limit}");
                let mut back = last;
                while let Some(previous) =
                    link(&list(&service, &query).await.json(), "previous").map(str::to_owned)
                {
                    let page = list(&service, &previous).await;
                    back = [page.ids(), back].concat();
                    query = previous;
                    assert!(back.len() <= 13, "{page}");
                }
                assert_eq!(back, whole, "back: {sort} by {limit}");
            }
        }
    }

    async fn a_cursor_keeps_its_place_when_rows_before_it_come_and_go(service: Service) {
        service.crowd(6).await;
        let page = list(&service, "?limit=3").await;
        assert_eq!(page.ids(), [6, 5, 4]);
        let next = link(&page.json(), "next").unwrap().to_owned();
        service.delete("modify", "/v3/customers?id:in=4,5").await;
        service
            .made(json!([{"email": "new@example.com", "first_name": "N", "last_name": "N"}]))
            .await;
        assert_eq!(list(&service, &next).await.ids(), [3, 2, 1]);
    }

    async fn a_cursor_holds_no_personal_data(service: Service) {
        tied(&service).await;
        for sort in SORTS {
            let body = list(&service, &format!("?{}limit=2", query(sort))).await.json();
            let cursor =
                body["meta"]["cursor_pagination"]["end_cursor"].as_str().unwrap().to_owned();
            assert!(
                cursor
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'),
                "{cursor}"
            );
            if sort.is_empty() || sort.starts_with("last_name") {
                assert!(
                    cursor.starts_with("eyJpZCI6") && cursor.len() <= 12,
                    "just an id: {cursor}"
                );
            }
        }
    }

    /// Ruling 12.
    async fn before_and_after_together_and_a_cursor_that_cannot_be_read_are_422(service: Service) {
        service.crowd(3).await;
        let both = service.get("read", "/v3/customers?before=eyJpZCI6MX0&after=eyJpZCI6Mn0").await;
        both.refused(
            422,
            "Query parameters \"before\" and \"after\" cannot be used together.",
            &json!({}),
        );
        shows(&both, "before and after");
        for cursor in [
            "",
            "x",
            "%25",
            "eyJpZCI6",
            "bnVsbA",
            "W10",
            "e30",
            "eyJpZCI6IjEifQ",
            "eyJpZCI6MS41fQ",
            "eyJpZCI6MX0%00",
            "eyJpZCI6MX0x",
        ] {
            for (name, sort) in [
                ("after", ""),
                ("before", "&sort=last_name:asc"),
                ("after", "&sort=date_created:asc"),
            ] {
                let answer = service.get("read", &format!("{ALL}?{name}={cursor}{sort}")).await;
                assert_eq!(answer.status, 422, "{answer}");
            }
        }
        shows(&service.get("read", "/v3/customers?after=x").await, "unreadable cursor");
        // A cursor without the date that the order needs.
        assert_eq!(
            service
                .get("read", "/v3/customers?after=eyJpZCI6MX0&sort=date_created:asc")
                .await
                .status,
            422
        );
        // The padded spelling of the same cursor is the same cursor.
        assert_eq!(list(&service, "?after=eyJpZCI6Mn0%3D").await.ids(), [1]);
    }

    async fn under_last_name_a_cursor_whose_row_is_gone_is_422_and_elsewhere_it_holds(
        service: Service,
    ) {
        service.crowd(3).await;
        service.delete("modify", "/v3/customers?id:in=2").await;
        let gone = "eyJpZCI6Mn0";
        for sort in ["last_name:asc", "last_name:desc"] {
            let answer = service.get("read", &format!("{ALL}?after={gone}&sort={sort}")).await;
            answer.refused(422, "The cursor is not valid.", &json!({}));
        }
        assert_eq!(list(&service, &format!("?after={gone}")).await.ids(), [1]);
        assert_eq!(list(&service, &format!("?before={gone}")).await.ids(), [3]);
    }

    async fn a_cursor_with_numbers_beyond_all_rows_is_an_empty_page(service: Service) {
        service.crowd(2).await;
        // {"id":-9223372036854775808} and {"id":9223372036854775807}.
        for (name, cursor) in [
            ("after", "eyJpZCI6LTkyMjMzNzIwMzY4NTQ3NzU4MDh9"),
            ("before", "eyJpZCI6OTIyMzM3MjAzNjg1NDc3NTgwN30"),
        ] {
            let body = list(&service, &format!("?{name}={cursor}")).await.json();
            assert_eq!(body["data"], json!([]));
            assert_eq!(body["meta"]["cursor_pagination"].get("start_cursor"), None);
        }
    }

    async fn an_order_that_is_none_is_422(service: Service) {
        for sort in [
            "id:asc",
            "last_name",
            "email:asc",
            "date_created:ASC",
            "",
            "last_name:asc,date_created:asc",
        ] {
            assert_eq!(
                service.get("read", &format!("{ALL}?sort={sort}")).await.status,
                422,
                "{sort}"
            );
        }
        shows(&service.get("read", "/v3/customers?sort=id:asc").await, "no order");
    }

    async fn store_credit_is_hidden_until_it_is_included(service: Service) {
        service.crowd(1).await;
        let row = async |query: &str| list(&service, query).await.json()["data"][0].clone();
        assert_eq!(row("").await.get("store_credit_amounts"), None);
        let keys: Vec<String> =
            row("?include=storecredit").await.as_object().unwrap().keys().cloned().collect();
        assert!(keys.contains(&"store_credit_amounts".to_owned()));
        assert_eq!(
            row("?include=storecredit,storecredit").await["store_credit_amounts"],
            json!([{"amount": 0}])
        );
        let answer =
            service.get("read", "/v3/customers?include=orders,storecredit,reviews").await;
        shows(&answer, "unknown include");
        assert_eq!(answer.status, 422);
    }

    async fn every_filter_narrows(service: Service) {
        let people = json!([
            {"email": "James@example.com", "first_name": "James", "last_name": "Moriarty", "company": "Crime, Inc.", "phone": "1"},
            {"email": "mycroft@example.com", "first_name": "Mycroft", "last_name": "Holmes", "company": "Crown", "phone": "2"},
            {"email": "o'b+rian@example.com", "first_name": "Ö'Brian_50%", "last_name": "Æther\\", "company": "", "phone": "+3 (0)"},
        ]);
        service.set_seconds(0);
        service.made(json!([people[0]])).await;
        service.set_seconds(86_400);
        service.made(json!([people[1]])).await;
        service.set_seconds(2 * 86_400);
        service.made(json!([people[2]])).await;
        let cases: &[(&str, &[i64])] = &[
            ("id:in=1", &[1]),
            ("id:in=3,1", &[3, 1]),
            ("id:in=1,1,99", &[1]),
            ("id:in=0,-1,9223372036854775807", &[]),
            ("email:in=james@EXAMPLE.com", &[1]),
            ("email:in=james%40example.com,mycroft@example.com", &[2, 1]),
            ("email:in=o'b%2Brian@example.com", &[3]),
            ("email:in=nobody@example.com", &[]),
            ("email:in=", &[]),
            ("name:in=James+Moriarty", &[1]),
            ("name:in=james%20MORIARTY,Mycroft+Holmes", &[2, 1]),
            ("name:in=James", &[]),
            ("name:like=mor", &[1]),
            ("name:like=s+m", &[1]),
            ("name:like=HOLM", &[2]),
            ("name:like=x", &[]),
            ("name:like=mor,holm", &[2, 1]),
            ("name:like=_50%25", &[3]),
            ("name:like=%25", &[3]),
            ("name:like=_", &[3]),
            ("name:like=%5C", &[3]),
            ("name:like=ö'brian", &[3]),
            ("name:like=%C3%86THER", &[3]),
            ("name:like=", &[3, 2, 1]),
            ("company:in=crown", &[2]),
            ("company:in[]=Crime,%20Inc.", &[1]),
            ("company:in=Crime,%20Inc.", &[]),
            ("company:in=", &[3]),
            ("phone:in=1,2", &[2, 1]),
            ("phone:in=%2B3%20(0)", &[3]),
            ("customer_group_id:in=0", &[3, 2, 1]),
            ("customer_group_id:in=1,2", &[]),
            ("registration_ip_address:in=10.9.0.98", &[]),
            ("registration_ip_address:in=", &[3, 2, 1]),
            ("date_created=2024-06-02", &[2]),
            ("date_created=2024-06-02T12:00:00Z", &[2]),
            ("date_created=2024-06-02T12:00:01Z", &[]),
            ("date_created:min=2024-06-02", &[3, 2]),
            ("date_created:max=2024-06-02", &[1]),
            ("date_created:max=2024-06-02T12:00:00Z", &[2, 1]),
            ("date_created:min=2024-06-02T12:00:00Z&date_created:max=2024-06-02T12:00:00Z", &[2]),
            ("date_created:min=2024-06-02T08:00:00-0400", &[3, 2]),
            ("date_created:min=2024-06-02T14:00:00+02:00", &[3, 2]),
            ("date_created:min=2024-06-02T12:00:00.000%2B00:00", &[3, 2]),
            ("date_created%3Amin=2024-06-02T12%3A00%3A00%2B00%3A00", &[3, 2]),
            ("date_created:min=1717329600", &[3, 2]),
            ("date_modified=2024-06-03", &[3]),
            ("date_modified:min=2024-06-03", &[3]),
            ("date_modified:max=2024-06-02T11:59:59", &[1]),
            ("date_modified:min=2024-06-04", &[]),
            ("date_created:min=2024-06-02&id:in=1,2&name:like=o", &[2]),
        ];
        for (query, expected) in cases {
            let answer = list(&service, &format!("?{query}")).await;
            assert_eq!(&answer.ids(), expected, "{query}");
            let total = answer.json()["meta"]["pagination"]["total"].clone();
            assert_eq!(total, json!(expected.len()), "{query}");
        }
    }

    /// Contract, "Query": one list in every spelling.
    async fn every_spelling_of_a_list_is_the_same_list(service: Service) {
        service.crowd(3).await;
        for query in [
            "id:in=1,2",
            "id%3Ain=1%2C2",
            "id:in[]=1&id:in[]=2",
            "id:in%5B%5D=1&id:in%5B%5D=2",
            "id:in=1&id:in=2",
            "id:in=%201%20,2",
        ] {
            assert_eq!(list(&service, &format!("?{query}")).await.ids(), [2, 1], "{query}");
        }
    }

    /// observed.md 5: recorded.
    async fn a_list_of_ids_holds_only_integers(service: Service) {
        let answer = service.get("read", "/v3/customers?id:in=hello").await;
        shows(&answer, "no integer");
        let title = "Query parameter \"id:in\" value may contain only integer values. For input string: \"hello\".";
        answer.refused(422, title, &json!({}));
        for not in ["1,", ",", "", "1.5", "1e3", "0x1", "99999999999999999999", "1%00"] {
            assert_eq!(
                service.get("read", &format!("{ALL}?id:in={not}")).await.status,
                422,
                "{not}"
            );
        }
    }

    /// observed.md 5: recorded.
    async fn an_unknown_parameter_is_named_and_so_is_one_without_a_name(service: Service) {
        let answer = service.get("read", "/v3/customers?foo=1").await;
        shows(&answer, "unknown filter");
        answer.refused(422, "The filter(s): foo are not valid filter parameter(s).", &json!({}));
        let two = service.get("read", "/v3/customers?a=1&limit=2&b").await;
        two.refused(422, "The filter(s): a, b are not valid filter parameter(s).", &json!({}));
        let stray = service.get("read", "/v3/customers?&limit=2").await;
        stray.refused(422, "The filter(s):  are not valid filter parameter(s).", &json!({}));
        assert_eq!(service.get("read", "/v3/customers?").await.status, 200);
        for not in ["email=a@b.c", "id=1", "name=x", "customer_id:in=1", "ID:in=1", "id:not_in=1"] {
            assert_eq!(service.get("read", &format!("{ALL}?{not}")).await.status, 422, "{not}");
        }
    }

    async fn a_date_that_is_none_is_422(service: Service) {
        for name in [
            "date_created",
            "date_created:min",
            "date_created:max",
            "date_modified",
            "date_modified:min",
            "date_modified:max",
        ] {
            for not in [
                "",
                "yesterday",
                "2024-13-01",
                "2024-02-30",
                "2024-06-01T25:00:00",
                "99999999999999",
                "10000-01-01",
                "-1",
            ] {
                assert_eq!(
                    service.get("read", &format!("{ALL}?{name}={not}")).await.status,
                    422,
                    "{name}={not}"
                );
            }
        }
        shows(&service.get("read", "/v3/customers?date_created:min=yesterday").await, "no date");
    }

    /// Ruling 34.
    async fn a_list_of_more_than_a_thousand_items_is_413(service: Service) {
        service.crowd(2).await;
        let ids = |count: usize| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        for name in [
            "id:in",
            "customer_group_id:in",
            "email:in",
            "name:in",
            "name:like",
            "company:in",
            "phone:in",
            "registration_ip_address:in",
        ] {
            let most = service.get("read", &format!("{ALL}?{name}={}", ids(1000))).await;
            assert_eq!(most.status, 200, "{name}: {}", most.text());
            let more = service.get("read", &format!("{ALL}?{name}={}", ids(1001))).await;
            assert_eq!(more.status, 413, "{name}: {}", more.text());
        }
        let before = service.dump().await;
        assert_eq!(
            service.delete("modify", &format!("{ALL}?id:in={}", ids(1001))).await.status,
            413
        );
        assert_eq!(service.dump().await, before);
        assert_eq!(
            service.delete("modify", &format!("{ALL}?id:in={}", ids(1000))).await.status,
            204
        );
        assert_eq!(list(&service, "").await.ids(), [0; 0]);
    }

    async fn several_long_lists_at_once_are_no_fault_of_ours(service: Service) {
        service.crowd(1).await;
        let many = (0..900).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let query: Vec<String> =
            ["id:in", "name:in", "name:like", "email:in", "phone:in", "company:in"]
                .iter()
                .map(|name| format!("{name}={many}"))
                .collect();
        let answer = service.get("read", &format!("{ALL}?{}", query.join("&"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        for long in ["a".repeat(60_000), "%25".repeat(20_000), "%5C".repeat(20_000)] {
            let answer = service.get("read", &format!("{ALL}?name:like={long}")).await;
            assert!(answer.status < 500, "{}", answer.text());
        }
    }
}
