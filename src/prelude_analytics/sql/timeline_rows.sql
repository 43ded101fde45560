-- Rows of the log in the form of the timeline, for what the timeline does not hold: one record of fixed width a row, big endian, in
-- the order of the users' lives. Users, actions and services that the timeline does not know have negative ids, and are named.
WITH taken AS MATERIALIZED (
    SELECT log.user_email, (extract(epoch FROM log."timestamp") * 1000000)::bigint AS at, log.action_type, log.action_name,
        {status} AS status, coalesce({service}, '') AS service_name, log.lane, log.lane_seq, log.event_id,
        left({property}, 256) AS property
    FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS stretch (starts, ends)
    JOIN public.user_activity_logs AS log ON log."timestamp" >= stretch.starts AND log."timestamp" < stretch.ends
    WHERE log.user_email <> '' AND {actions} AND {filters} AND {counted}
    LIMIT %(most)s + 1
), people AS MATERIALIZED (
    SELECT user_email, coalesce(known.id, -row_number() OVER (PARTITION BY known.id IS NULL ORDER BY user_email)) AS id, known.id IS NULL AS new
    FROM (SELECT DISTINCT user_email FROM taken) AS seen LEFT JOIN public.timeline_users AS known USING (user_email)
), acts AS MATERIALIZED (
    SELECT action_type, action_name, known.id IS NULL AS new,
        coalesce(known.id, -row_number() OVER (PARTITION BY known.id IS NULL ORDER BY action_type, action_name)) AS id
    FROM (SELECT DISTINCT action_type, action_name FROM taken) AS seen LEFT JOIN public.timeline_actions AS known USING (action_type, action_name)
), hosts AS MATERIALIZED (
    SELECT service_name, known.id IS NULL AND service_name <> '' AS new,
        CASE WHEN service_name = '' THEN 0 ELSE coalesce(known.id, -row_number() OVER (PARTITION BY known.id IS NULL AND service_name <> '' ORDER BY service_name)) END AS id
    FROM (SELECT DISTINCT service_name FROM taken) AS seen LEFT JOIN public.timeline_services AS known USING (service_name)
), properties AS MATERIALIZED (
    SELECT property, row_number() OVER (ORDER BY property) AS id FROM (SELECT DISTINCT property FROM taken WHERE property IS NOT NULL) AS seen
)
SELECT
    string_agg(
        int4send(people.id::int) || int8send(taken.at) || int4send(acts.id::int) || int4send(taken.status) || int4send(hosts.id::int)
        || int4send(coalesce(properties.id, 0)::int),
        '' ORDER BY people.id, taken.at, taken.lane, taken.lane_seq, taken.event_id
    ) AS records,
    (SELECT jsonb_object_agg(id, user_email) FROM people WHERE new) AS users,
    (SELECT jsonb_object_agg(id, jsonb_build_array(action_type, action_name)) FROM acts WHERE new) AS actions,
    (SELECT jsonb_object_agg(id, service_name) FROM hosts WHERE new) AS services,
    (SELECT jsonb_object_agg(id, property) FROM properties) AS properties
FROM taken JOIN people USING (user_email) JOIN acts USING (action_type, action_name) JOIN hosts USING (service_name)
LEFT JOIN properties USING (property)
