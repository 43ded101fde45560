-- Beside what the rollups have: the hours of rows that they have not counted, whether they have let go of rows that were pending still at an
-- earlier watermark, and whether they are being made anew.
SELECT
    ARRAY(
        SELECT DISTINCT extract(epoch FROM date_bin('1 hour', log."timestamp", 'epoch'))::bigint
        FROM public.user_activity_logs AS log WHERE {uncounted}
    ) AS hours,
    EXISTS (
        SELECT FROM (SELECT log.completes_event_id FROM public.user_activity_logs AS log WHERE {overtaken} OFFSET 0) AS log
        WHERE log.completes_event_id IS NOT NULL
    ) AS ended,
    EXISTS (SELECT FROM public.rollup_rebuild WHERE part = 'rollups') AS rebuilding
