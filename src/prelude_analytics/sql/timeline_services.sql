-- The services that the timeline has a number for.
SELECT id, service_name FROM public.timeline_services
