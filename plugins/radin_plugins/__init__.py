"""The searchers that ship with radin, one in each module, as any third party's."""
