"""People who use the CRM: ``python -m prelude_demo_crm.visitor``. They see nothing but its HTTP routes."""
