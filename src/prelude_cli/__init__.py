"""The room "command": `prelude`, whose subcommands the other rooms bring through entry points, and `prelude up`, which starts them."""
