from ates.cli.main import main

main()
