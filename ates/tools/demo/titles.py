"""What there is to do at UberPopug Inc. Titles keep the rules: no brackets, one line, at most 200 characters."""

from __future__ import annotations

ROOMS = ("Macaw", "Cockatoo", "Budgerigar", "Kea", "Lorikeet", "African Grey", "Galah", "Kakapo")

# Every room needs these sooner or later.
IN_EVERY_ROOM = (
    ("Replace the perch in meeting room {}", "The left end is chewed through. Oak this time, please, not balsa."),
    ("Clean the mirror in meeting room {}", "Somebody spent the whole stand-up talking to it. Both sides."),
    ("Change the paper under meeting room {}", "Use last quarter's slides: they are the right size."),
    ("Teach the speaker in meeting room {} to say something else", "It has said “synergy” since Tuesday."),
    ("Oil the door of meeting room {}", "It squeaks, and then everybody squeaks back."),
    ("Refill the seed bar next to room {}", "No sunflower for accounting before the day is closed."),
    ("Find out who whistles in room {} at lunch", "It is not about the whistling, it is about the tune."),
    ("Sweep the husks out of meeting room {}", "All of them. Also those behind the whiteboard."),
    ("Label the swing in meeting room {} as a chair", "For the visitors from the insurance."),
    ("Repair the projector in room {}", "Somebody nests in it. Wait until the eggs have hatched."),
    ("Hide the laser pointer of meeting room {}", "The last demo ended with three popugs in the curtain."),
    ("Move the cuttlebone in room {} away from the sockets", "Health and safety, claws and currents."),
    ("Agree on a temperature for meeting room {}", "The parties are the Amazon and New Zealand."),
    ("Hang a bell in meeting room {}", "Meetings end when it rings. It will ring often."),
)

ONCE = (
    ("Polish all beaks before the board meeting", "The board notices. The board always notices."),
    ("Explain double entry to the new chicks", "Every seed that leaves one bowl must land in another."),
    ("Migrate south for the winter", "Staging first. Take a backup of the nest."),
    ("Migrate north again", "Roll back the winter migration once the smoke tests are green."),
    ("Fix the beak", "It works on the other parrot's machine."),
    ("Stop repeating what production says", "Log it once, at the edge, with an id."),
    ("Rewrite the squawk service in something quieter", "Latency is fine. Volume is not."),
    ("Rename the branch “branch”", "Popugs keep landing on it."),
    ("Write down what a cracker costs", "Whole dollars. Nobody believes the cents."),
    ("Count the feathers again", "The count of the night before differs by one. Somebody is moulting."),
    ("Remove the cat from the office calendar", "It was invited by mistake. It accepted."),
    ("Prepare the talk “Exactly once, or: why I say everything twice”", "Forty minutes and a demo. No crackers."),
    ("Upgrade the nest to the next long-term release", "Twigs of version 11 are no longer maintained."),
    ("Insulate the server cage", "It is the warmest place in the building and half the team sleeps there."),
    ("Pair with Gosha on landing softly", "He keeps breaking the build, and the table."),
    ("Say hello to every visitor only once", "Idempotent greetings. The key is the visitor."),
    ("Find the egg in the requirements", "It was there at the review. It is warm."),
    ("Translate the handbook from Pirate", "“Arr” is not an acceptance criterion."),
    ("Order new rings in size S", "Left leg. The right one is for the badge."),
    ("Write a post-mortem of the open window", "No blame. He came back by himself after two days."),
    ("Test the fire alarm without imitating it", "The last test lasted until Friday because of Kiki."),
    ("Add dark mode to the cage cover", "It exists: it is the cage cover. Close it earlier."),
    ("Find a name that is not Kesha", "We have nine. The tenth starts on Monday."),
    ("Mute the standing alert about the standing leg", "Popugs sleep on one leg. This is not an incident."),
    ("Calibrate the pecking order", "Somebody pecked upwards."),
    ("Deduplicate the parrot jokes", "Two of the three are the same joke."),
    ("Replace the banana in the load test", "It did not survive the last one."),
    ("Ask the macaws to use indoor voices in reviews", "“Nit:” can be said quietly."),
    ("Restore Polly from backup", "Only the stuffed one. The other is on holiday."),
    ("Estimate the size of the next nut", "In nut points."),
    ("Water the plastic palm", "It is about the gesture."),
    ("Draw the org chart as a tree, with perches", "Managers on top. Mind what falls down."),
    ("Book the vet for the whole team", "Claws, beaks, blood pressure of those on call."),
    ("Answer the letter from the pigeons", "They want an API. They offer to carry it on foot."),
    ("Shorten the song of the deployment", "Two minutes of trills for three lines of YAML."),
    ("Check that “Polly” is not anybody's password", "It is. It is several people's."),
    ("Move the sand from the old tray to the new tray", "Grain by grain, in order, each once."),
    ("Learn to open the snack drawer with the left foot", "The right foot has been revoked."),
    ("Cover the windows before the eclipse", "Last time the night shift went home at noon."),
    ("Read the terms of the birdseed supplier", "Clause 7 speaks of pigeons. We are not pigeons."),
    ("Remove the sudden “pieces of eight” from the price list", "Whole dollars, ten to twenty."),
    ("Sort the toys by how loud they are", "Loudest last. Put the last one away."),
    ("Stop the sprinkler during retrospectives", "Feelings, yes. Showers, no."),
    ("Make the onboarding shorter than a cockatoo's attention", "Eleven seconds, measured twice."),
    ("Invite a falcon to speak about scaling", "From behind glass."),
    ("Put the on-call phone out of reach of Iago", "He answers it. In the customer's voice."),
    ("Weigh the coffee beans that were not eaten", "Compare with what was bought. Report gently."),
    ("Fold the maps of the new office", "Along the creases. They are not nests."),
    ("Replace “lorem ipsum” with what parrots really say", "Leave out what they really say."),
    ("Prove that the water bowl is eventually consistent", "It tastes of yesterday."),
)

PROJECTS = ("UBERPOP", "BEAK", "NEST")


def all_tasks() -> list[tuple[str, str]]:
    """Every (title, description) there is, each title once."""
    rooms = [(title.format(room), description) for title, description in IN_EVERY_ROOM for room in ROOMS]
    return [*ONCE, *rooms]
